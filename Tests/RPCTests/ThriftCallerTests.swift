import RPC
import TestSupport
import Testing
import Thrift

@Suite struct ThriftCallerTests {
  private func named() -> CallSettings {
    var settings = CallSettings()
    settings.methodInName = true
    return settings
  }

  @Test func aCallBecomesText() {
    let peer = Peer(.server, .thrift, named())
    let call = thrift(.call)
    #expect(peer.receive(framed(call)).map(\.kind) == [.call])
    let (head, body) = parts(peer.text(of: 1))
    #expect(
      head == [
        "POST /greet HTTP/1.1", "host: rpc", "content-type: application/x-heddle-call", "l5d-name: /greet",
        "content-length: \(body.count)",
      ])
    #expect(body == dispatchBody("", call))
  }

  @Test func withoutAMethodInIt_theNameIsLeftOut() {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.call)))
    #expect(!parts(peer.text(of: 1)).head.contains { $0.hasPrefix("l5d-name") })
  }

  @Test(arguments: [ThriftEncoding.binary, .oldBinary, .compact])
  func anAnswerGoesBackAsItCame(_ encoding: ThriftEncoding) {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.call, as: encoding)))
    let answer = thrift(.reply, as: encoding)
    peer.answer(1, answerText(answer))
    #expect(peer.said() == framed(answer))
    #expect(peer.drain().map(\.kind) == [.closed])
  }

  @Test func callsAreAnsweredInTheirOrder() {
    let peer = Peer(.server, .thrift)
    #expect(peer.receive(framed(thrift(.call, sequence: 1)) + framed(thrift(.call, sequence: 2))).count == 1)
    peer.answer(1, answerText(thrift(.reply, sequence: 1)))
    #expect(peer.drain().map(\.kind) == [.closed, .call])
    peer.answer(2, answerText(thrift(.reply, sequence: 2)))
    #expect(peer.said() == framed(thrift(.reply, sequence: 1)) + framed(thrift(.reply, sequence: 2)))
  }

  @Test func aOnewayCallIsNotAnswered() {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.oneway)))
    peer.answer(1, answerText([]))
    #expect(peer.said().isEmpty)
    #expect(peer.drain().map(\.kind) == [.closed])
  }

  @Test func aFaultOfTheProxyIsAnApplicationException() throws {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.call)))
    peer.answer(1, "HTTP/1.1 503 Service Unavailable\r\nheddle-error: no-endpoints\r\ncontent-length: 4\r\n\r\nnone\n".replacing("4\r", with: "5\r"))
    #expect(peer.said() == framed(exception("no-endpoints: none")))
  }

  @Test func anUntrustedCallerLearnsThatItFailed() {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.call)))
    peer.answer(1, "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
    #expect(peer.said() == framed(exception("the call failed in the mesh (502)")))
  }

  @Test func theHeaderTransportIsAnsweredInItself() {
    for encoding in [ThriftEncoding.binary, .compact] {
      let peer = Peer(.server, .thrift)
      let frame = headerFrame(thrift(.call, as: encoding), sequence: 99, as: encoding)
      peer.receive(framed(frame))
      #expect(parts(peer.text(of: 1)).body == dispatchBody("", frame))
      peer.answer(1, answerText(thrift(.reply, as: encoding)))
      #expect(peer.said() == framed(headerFrame(thrift(.reply, as: encoding), sequence: 99, as: encoding)))
    }
  }

  @Test func anAnswerInTheHeaderTransportIsNotWrappedTwice() {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(headerFrame(thrift(.call), sequence: 99)))
    let answer = headerFrame(thrift(.reply), sequence: 99)
    peer.answer(1, answerText(answer))
    #expect(peer.said() == framed(answer))
  }

  @Test func aTransformIsRefusedClearly() throws {
    let peer = Peer(.server, .thrift)
    let zlib: [UInt8] = [0x0f, 0xff, 0, 0, 0, 0, 0, 5, 0, 1, 0, 1, 1, 0, 1, 2, 3]
    #expect(peer.receive(framed(zlib)).isEmpty)
    let said = peer.said()
    #expect(text(said).contains("transform 1 of the header transport is not supported"))
    let frame = Array(said.dropFirst(4))
    #expect(try ThriftHeaderFrame(frame.span).sequence == 5)
    #expect(peer.session.fault == nil)
    #expect(peer.receive(framed(headerFrame(thrift(.call), sequence: 6))).map(\.kind) == [.call])
  }

  @Test func aTwitterUpgradeIsAgreedTo() {
    let peer = Peer(.server, .thrift, named())
    #expect(peer.receive(framed(thrift(.call, "__can__finagle__trace__v3__", sequence: 0))).isEmpty)
    #expect(peer.said() == framed(thrift(.reply, "__can__finagle__trace__v3__", sequence: 0)))
    let field = { (id: UInt8, text: String) in [11, 0, id] + number(text.utf8.count, 4) + bytes(text) }
    let pair = { (id: UInt8, a: String, b: String) in [15, 0, id, 12, 0, 0, 0, 1] + field(1, a) + field(2, b) + [0] }
    let header = pair(8, "deadline", "12") + field(9, "/users") + pair(10, "/svc/users", "/svc/v2") + [0]
    let call = thrift(.call)
    peer.receive(framed(header + call))
    let (head, body) = parts(peer.text(of: 1))
    #expect(head.contains("l5d-name: /users/greet") && head.contains("l5d-dtab: /svc/users=>/svc/v2;"))
    #expect(
      body == [0, 1] + number(8, 2) + bytes("deadline") + number(2, 2) + bytes("12")
        + dispatchBody("/users", call, dtab: [("/svc/users", "/svc/v2")]).dropFirst(2))
    peer.answer(1, answerText(thrift(.reply)))
    #expect(peer.said() == framed([0] + thrift(.reply)))
  }

  @Test(arguments: ["a b", "a\r\nx: y", "a\u{1}"]) func whatIsNoTextOfAFieldNamesNothing(_ method: String) {
    let peer = Peer(.server, .thrift, named())
    guard case .malformed? = peer.receive(framed(thrift(.call, method))).first?.kind else {
      Issue.record("a name with \(method.debugDescription) was taken")
      return
    }
    #expect(peer.text(of: 1).isEmpty)
  }

  @Test func whatIsNoThriftEndsTheConnection() {
    let http = Peer(.server, .thrift)
    http.receive(bytes("GET / HTTP/1.1\r\n\r\n"))
    #expect(http.session.fault == .tooLong(0x4745_5420))
    let noise = Peer(.server, .thrift)
    noise.receive(framed(bytes("what")))
    #expect(noise.session.fault == .thrift(.unknownEncoding))
    let answer = Peer(.server, .thrift)
    answer.receive(framed(thrift(.reply)))
    #expect(answer.session.fault == .unexpected)
    var small = CallSettings()
    small.messageLimit = 10
    let long = Peer(.server, .thrift, small)
    long.receive(number(11, 4))
    #expect(long.session.fault == .tooLong(11))
  }

  @Test func drainingEndsAfterTheCallUnderWay() {
    let peer = Peer(.server, .thrift)
    peer.receive(framed(thrift(.call)))
    peer.session.drain()
    #expect(peer.session.wantsRead)
    peer.answer(1, answerText(thrift(.reply)))
    peer.drain()
    #expect(!peer.session.wantsRead && peer.session.wantsWrite)
  }

  @Test func theAnswersTextMayComeInAnyPieces() {
    let reply = thrift(.reply)
    let chunks =
      "HTTP/1.1 200 OK\r\ncontent-type: \(callContentType)\r\ntransfer-encoding: chunked\r\n\r\n"
      + String(replyBody(0, reply).map { "1\r\n" + String(UnicodeScalar($0)) + "\r\n" }.joined()) + "0\r\n\r\n"
    for text in [answerText(reply), chunks, "HTTP/1.1 103 Early Hints\r\n\r\n" + answerText(reply)] {
      forEverySplit(of: raw(text)) { first, second in
        let peer = Peer(.server, .thrift)
        peer.receive(framed(thrift(.call)))
        peer.session.takeAnswer(1, first.span)
        peer.session.takeAnswer(1, second.span)
        #expect(peer.said() == framed(reply))
      }
    }
  }
}
