import Mux
import RPC
import TestSupport
import Testing
import Thrift

@Suite struct ThriftEndpointTests {
  private func request(_ payload: [UInt8], destination: String = "/users") -> [UInt8] {
    let body = dispatchBody(destination, payload)
    return bytes("POST /greet HTTP/1.1\r\nhost: rpc\r\ncontent-type: \(callContentType)\r\ncontent-length: \(body.count)\r\n\r\n")
      + body
  }

  private func send(_ peer: Peer, _ payload: [UInt8], tag: UInt64 = 1) -> Int32? {
    guard let id = peer.session.submit(tag: tag) else { return nil }
    let text = request(payload)
    #expect(peer.session.takeRequest(id, text.span) == true)
    return id
  }

  @Test func aRequestGoesOutAsAFrame() throws {
    let peer = Peer(.client, .thrift)
    let id = try #require(send(peer, thrift(.call)))
    #expect(peer.said() == framed(thrift(.call)))
    #expect(!peer.session.takesCalls && peer.session.submit(tag: 2) == nil, "one call at a time")
    #expect(peer.receive(framed(thrift(.reply))).map(\.kind) == [.answer])
    let (head, body) = parts(peer.text(of: id))
    #expect(head[0] == "HTTP/1.1 200 OK" && body == replyBody(0, thrift(.reply)))
    peer.session.forget(id)
    #expect(peer.session.takesCalls && peer.session.fault == nil)
  }

  @Test func theTextMayComeInAnyPieces() {
    forEverySplit(of: request(thrift(.call))) { first, second in
      let peer = Peer(.client, .thrift)
      let id = peer.session.submit(tag: 1)!
      let early = peer.session.takeRequest(id, first.span)
      #expect(early == second.isEmpty)
      if early == false { #expect(peer.session.takeRequest(id, second.span) == true) }
      #expect(peer.said() == framed(thrift(.call)))
    }
  }

  @Test(arguments: [
    ([0] as [UInt8], false, "200 OK"), ([12, 0, 2, 0, 0], false, "200 OK"), ([12, 0, 2, 0, 0], true, "500 Failed"),
    ([8, 0, 0, 0, 0, 0, 1, 0], true, "200 OK"),
  ]) func theResultsFirstFieldSaysHowItWent(_ result: [UInt8], _ declaredFails: Bool, _ status: String) throws {
    var settings = CallSettings()
    settings.declaredExceptionsFail = declaredFails
    for speaks in [CallProtocol.thrift, .thriftMux] {
      let peer = Peer(.client, speaks, settings)
      let id = try #require(send(peer, thrift(.call)))
      let answer = thrift(.reply, result: result)
      peer.receive(speaks == .thrift ? framed(answer) : mux(-2, 1, replyBody(0, answer)))
      #expect(parts(peer.text(of: id)).head[0] == "HTTP/1.1 \(status)")
    }
  }

  @Test func anApplicationExceptionIsAFailure() throws {
    let peer = Peer(.client, .thrift)
    let id = try #require(send(peer, thrift(.call)))
    peer.receive(framed(exception("boom")))
    #expect(parts(peer.text(of: id)).head[0] == "HTTP/1.1 500 Failed")
  }

  @Test func aOnewayCallIsAnsweredWhenItHasLeft() throws {
    let peer = Peer(.client, .thrift)
    let id = try #require(send(peer, thrift(.oneway)))
    #expect(peer.drain().isEmpty)
    #expect(peer.said() == framed(thrift(.oneway)))
    #expect(peer.drain().map(\.kind) == [.answer])
    #expect(parts(peer.text(of: id)).head[0] == "HTTP/1.1 200 OK")
    peer.session.forget(id)
    #expect(peer.session.fault == nil && peer.session.takesCalls)
  }

  @Test func answersThatBelongToNoCallEndTheConnection() throws {
    let idle = Peer(.client, .thrift)
    idle.receive(framed(thrift(.reply)))
    #expect(idle.session.fault == .unexpected)
    let other = Peer(.client, .thrift)
    _ = try #require(send(other, thrift(.call)))
    other.receive(framed(thrift(.reply, sequence: 8)))
    #expect(other.session.fault == .unexpected)
    let twice = Peer(.client, .thrift)
    _ = try #require(send(twice, thrift(.call)))
    twice.receive(framed(thrift(.reply)) + framed(thrift(.reply)))
    #expect(twice.session.fault == .unexpected)
  }

  @Test func aCallGivenUpTakesItsConnectionAlong() throws {
    let peer = Peer(.client, .thrift)
    let id = try #require(send(peer, thrift(.call)))
    peer.session.forget(id)
    #expect(peer.session.fault == .abandoned)
    let unsent = Peer(.client, .thrift)
    unsent.session.forget(try #require(unsent.session.submit(tag: 1)))
    #expect(unsent.session.fault == nil && unsent.session.takesCalls)
  }

  // MARK: TTwitter

  private func asking() -> Peer {
    var settings = CallSettings()
    settings.asksForTwitter = true
    return Peer(.client, .thrift, settings)
  }

  private let question = thrift(.call, "__can__finagle__trace__v3__", sequence: 0)

  @Test func aServiceThatAgreesGetsHeaders() throws {
    let peer = asking()
    let id = try #require(send(peer, thrift(.call)))
    #expect(peer.said() == framed(question), "the call waits")
    #expect(peer.receive(framed(thrift(.reply, "__can__finagle__trace__v3__", sequence: 0))).isEmpty)
    let said = Array(peer.said().dropFirst(4))
    let header = try TwitterHeader(said.span)
    #expect(text(Array(said[header.destination])) == "/users")
    #expect(Array(said[header.end...]) == thrift(.call))
    #expect(peer.receive(framed([0] + thrift(.reply))).map(\.kind) == [.answer])
    #expect(parts(peer.text(of: id)).body == replyBody(0, thrift(.reply)))
    peer.session.forget(id)
    _ = try #require(send(peer, thrift(.call)))
    #expect(peer.said().count == 4 + said.count, "it is asked once")
  }

  @Test func aServiceThatDoesNotKnowIsSpokenToPlainly() throws {
    let peer = asking()
    let id = try #require(send(peer, thrift(.call)))
    _ = peer.said()
    #expect(peer.receive(framed(exception("unknown method", "__can__finagle__trace__v3__", sequence: 0))).isEmpty)
    #expect(peer.said() == framed(thrift(.call)))
    #expect(peer.receive(framed(thrift(.reply))).map(\.kind) == [.answer])
    #expect(parts(peer.text(of: id)).body == replyBody(0, thrift(.reply)))
  }

  @Test func aTraceTravelsFromHeaderToHeader() throws {
    let caller = Peer(.server, .thrift)
    caller.receive(framed(question))
    var trace = TwitterTrace()
    (trace.trace, trace.span, trace.parent, trace.flags) = (1, 2, 3, 4)
    let header = written { output in
      var writer = TwitterHeaderWriter()
      writer.add(trace)
      let (prefix, tree) = (bytes("/svc/a"), bytes("/svc/b"))
      writer.addDelegation(prefix.span, tree.span)
      let destination = bytes("/users")
      writer.write(destination: destination.span, to: &output)
    }
    caller.receive(framed(header + thrift(.call)))
    let request = caller.text(of: 1)
    let peer = asking()
    let id = peer.session.submit(tag: 1)!
    #expect(peer.session.takeRequest(id, request.span) == true)
    _ = peer.said()
    peer.receive(framed(thrift(.reply, "__can__finagle__trace__v3__", sequence: 0)))
    let said = Array(peer.said().dropFirst(4))
    let read = try TwitterHeader(said.span)
    #expect(read.trace == trace && read.delegations.count == 1 && read.contexts.count == 1)
    #expect(Array(said[read.end...]) == thrift(.call))
  }

  @Test func aCallGivenUpBeforeTheServiceHasSaidAnything() throws {
    let peer = asking()
    peer.session.forget(try #require(send(peer, thrift(.call))))
    #expect(!peer.session.takesCalls)
    peer.receive(framed(thrift(.reply, "__can__finagle__trace__v3__", sequence: 0)))
    #expect(peer.session.fault == nil && peer.session.takesCalls)
    _ = try #require(send(peer, thrift(.call)))
    #expect(peer.said().suffix(thrift(.call).count).elementsEqual(thrift(.call)))
  }

  // MARK: Mux

  @Test func aRequestGoesOutAsADispatch() throws {
    let peer = Peer(.client, .mux)
    let first = try #require(send(peer, bytes("a"), tag: 11))
    let second = try #require(send(peer, bytes("b"), tag: 12))
    #expect(peer.said() == mux(2, 1, dispatchBody("/users", bytes("a"))) + mux(2, 2, dispatchBody("/users", bytes("b"))))
    let events = peer.receive(mux(-2, 2, replyBody(0, bytes("B"))) + mux(-2, 1, replyBody(1, bytes("bad"))))
    #expect(events.map(\.tag) == [12, 11] && events.allSatisfy { $0.kind == .answer })
    #expect(parts(peer.text(of: second)).body == replyBody(0, bytes("B")))
    let failed = parts(peer.text(of: first))
    #expect(failed.head[0] == "HTTP/1.1 500 Failed" && failed.body == replyBody(1, bytes("bad")))
  }

  @Test func aNackIsARefusal() throws {
    let peer = Peer(.client, .mux)
    _ = try #require(send(peer, bytes("a")))
    #expect(peer.receive(mux(-2, 1, replyBody(2, bytes("busy")))).map(\.kind) == [.refused])
  }

  @Test func anErrorOfTheSessionIsAnAnswer() throws {
    let peer = Peer(.client, .mux)
    let id = try #require(send(peer, bytes("a")))
    peer.receive(mux(-128, 1, bytes("no")))
    #expect(parts(peer.text(of: id)).body == replyBody(1, bytes("no")))
  }

  @Test func aDiscardedTagIsNotUsedBeforeItsAnswer() throws {
    let peer = Peer(.client, .mux)
    peer.session.forget(try #require(send(peer, bytes("a"))))
    #expect(peer.said().suffix(15) == mux(66, 0, number(1, 3) + bytes("given up")).suffix(15))
    _ = send(peer, bytes("b"))
    #expect(peer.said() == mux(2, 2, dispatchBody("/users", bytes("b"))))
    #expect(peer.receive(mux(-2, 1, replyBody(0, []))).isEmpty)
    _ = send(peer, bytes("c"))
    #expect(peer.said() == mux(2, 1, dispatchBody("/users", bytes("c"))))
  }

  @Test func aDrainingEndpointGetsNoMoreCalls() throws {
    let peer = Peer(.client, .mux)
    let id = try #require(send(peer, bytes("a")))
    peer.receive(mux(64, 3))
    #expect(peer.said().suffix(8) == mux(-64, 3).suffix(8))
    #expect(!peer.session.takesCalls && peer.session.wantsRead)
    peer.receive(mux(-2, 1, replyBody(0, [])))
    peer.session.forget(id)
    #expect(!peer.session.wantsRead)
  }

  @Test func aLeaseOfNothingStopsCalls() {
    let peer = Peer(.client, .mux)
    peer.receive(mux(67, 0, [0] + number(0, 8)))
    #expect(!peer.session.takesCalls)
    peer.receive(mux(67, 0, [0] + number(5000, 8)))
    #expect(peer.session.takesCalls)
  }

  @Test func muxCarriesABareMessage() throws {
    let peer = Peer(.client, .thriftMux)
    _ = try #require(send(peer, headerFrame(thrift(.call), sequence: 3)))
    #expect(peer.said() == mux(2, 1, dispatchBody("/users", thrift(.call))))
  }
}
