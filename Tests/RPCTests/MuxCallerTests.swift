import Mux
import RPC
import TestSupport
import Testing
import Thrift

@Suite struct MuxCallerTests {
  @Test func aDispatchBecomesText() {
    let peer = Peer(.server, .mux)
    let body = dispatchBody("/users/v1", bytes("hello"), dtab: [("/svc", "/other")])
    #expect(peer.receive(mux(2, 5, body)).map(\.kind) == [.call])
    let text = parts(peer.text(of: 1))
    #expect(text.head.contains("l5d-name: /users/v1") && text.head.contains("l5d-dtab: /svc=>/other;"))
    #expect(text.body == body)
    peer.answer(1, answerText(bytes("hi")))
    #expect(peer.said() == mux(-2, 5, replyBody(0, bytes("hi"))))
    #expect(peer.drain().map(\.kind) == [.closed])
  }

  @Test func requestsRunSideBySide() {
    let peer = Peer(.server, .mux)
    #expect(peer.receive(mux(2, 1, dispatchBody("/a", [])) + mux(2, 2, dispatchBody("/b", []))).count == 2)
    peer.answer(2, answerText(bytes("b")))
    peer.answer(1, answerText(bytes("a")))
    #expect(peer.said() == mux(-2, 2, replyBody(0, bytes("b"))) + mux(-2, 1, replyBody(0, bytes("a"))))
  }

  @Test func theOlderRequestIsAnsweredInItsForm() {
    let peer = Peer(.server, .mux)
    peer.receive(mux(1, 9, [0] + bytes("hello")))
    #expect(parts(peer.text(of: 1)).body == dispatchBody("", bytes("hello")))
    peer.answer(1, answerText(bytes("hi")))
    #expect(peer.said() == mux(-1, 9, [0] + bytes("hi")))
  }

  @Test func retryableFaultsAreNacks() {
    for (head, status) in [
      ("502 Bad Gateway\r\nheddle-error: connect-failed\r\nl5d-retryable: true", UInt8(2)), ("503 Unavailable", 2),
      ("504 Timeout\r\nheddle-error: timeout", 1), ("400 Bad\r\nheddle-error: unidentified", 1),
    ] {
      let peer = Peer(.server, .mux)
      peer.receive(mux(2, 1, dispatchBody("/a", [])))
      peer.answer(1, "HTTP/1.1 \(head)\r\ncontent-length: 3\r\n\r\nno\n")
      let said = peer.said()
      #expect(said[7] == 1 && said[8] == status, "\(head)")
    }
  }

  @Test func aSessionBegins() {
    let peer = Peer(.server, .mux)
    peer.receive(mux(-128, 1, bytes("tinit check")))
    #expect(peer.said() == mux(-128, 1, bytes("tinit check")))
    peer.receive(mux(68, 1, number(9, 2) + number(10, 4) + bytes("mux-framer") + number(4, 4) + number(1000, 4)))
    #expect(peer.said() == mux(-68, 1, number(1, 2)))
    peer.receive(mux(65, 3))
    #expect(peer.said() == mux(-65, 3))
    peer.receive(mux(9, 4))
    #expect(peer.said() == mux(-128, 4, bytes("unknown type of message")))
    #expect(peer.session.fault == nil)
  }

  @Test func fragmentsAreOneCall() {
    let peer = Peer(.server, .mux)
    let body = dispatchBody("/users", bytes("hello"))
    #expect(peer.receive(mux(2, 0x80_0005, Array(body.prefix(4)))).isEmpty)
    peer.receive(mux(65, 1))
    #expect(peer.receive(mux(2, 5, Array(body.dropFirst(4)))).map(\.kind) == [.call])
    #expect(parts(peer.text(of: 1)).body == body)
  }

  @Test func aDiscardedRequestIsAnsweredAllTheSame() {
    let peer = Peer(.server, .mux)
    peer.receive(mux(2, 5, dispatchBody("/a", [])))
    peer.session.setTag(77, on: 1)
    let event = peer.receive(mux(66, 0, number(5, 3) + bytes("bored"))).first
    #expect(event?.kind == .discarded && event?.tag == 77)
    #expect(peer.receive(mux(66, 0, number(5, 3))).isEmpty)
    peer.session.forget(1)
    #expect(peer.said() == mux(-2, 5, replyBody(1, bytes("discarded by the caller"))))
  }

  @Test func aDrainIsToldAndHeard() {
    let peer = Peer(.server, .mux)
    peer.receive(mux(2, 5, dispatchBody("/a", [])))
    peer.session.drain()
    #expect(peer.said() == mux(64, 0x7f_ffff))
    peer.receive(mux(2, 6, dispatchBody("/b", [])) + mux(-64, 0x7f_ffff))
    #expect(peer.session.wantsRead)
    peer.answer(1, answerText([]))
    peer.answer(2, answerText([]))
    #expect(!peer.session.wantsRead)
  }

  @Test func limitsHold() {
    var settings = CallSettings()
    settings.concurrentCalls = 1
    let peer = Peer(.server, .mux, settings)
    peer.receive(mux(2, 1, dispatchBody("/a", [])) + mux(2, 2, dispatchBody("/a", [])))
    #expect(peer.said() == mux(-2, 2, replyBody(2, bytes("too many calls at once"))))
    peer.receive(mux(2, 1, dispatchBody("/a", [])))
    #expect(peer.session.fault == .unexpected, "a tag twice")
  }

  @Test func bytesOfCallsUnderWayHoldUpReading() {
    var settings = CallSettings()
    settings.messageLimit = 100
    let peer = Peer(.server, .mux, settings)
    let call = { (tag: Int) in mux(2, tag, dispatchBody("/a", [UInt8](repeating: 1, count: 80))) }
    #expect(peer.receive((1...4).flatMap(call)).count == 2)
    peer.answer(1, answerText([]))
    #expect(peer.drain().map(\.kind) == [.closed, .call])
  }

  @Test func pingsWithoutReadingAreAFlood() {
    let peer = Peer(.server, .mux)
    let pings = [[UInt8]](repeating: mux(65, 1), count: 4096).flatMap { $0 }
    for _ in 0..<64 where peer.session.fault == nil { peer.receive(pings) }
    #expect(peer.session.fault == .flood)
  }

  @Test func malformedDispatchesAreAnswered() {
    let peer = Peer(.server, .mux)
    peer.receive(mux(2, 1, [0, 9]))
    #expect(peer.said() == mux(-2, 1, replyBody(1, bytes("the message is cut short"))))
    guard case .malformed? = peer.receive(mux(2, 2, dispatchBody("no path", []))).first?.kind else {
      Issue.record("a destination that is no path was taken")
      return
    }
  }
}

@Suite struct ThriftMuxCallerTests {
  @Test func theMethodIsReadFromThePayload() {
    var settings = CallSettings()
    settings.methodInName = true
    let peer = Peer(.server, .thriftMux, settings)
    peer.receive(mux(2, 1, dispatchBody("/users", thrift(.call))))
    #expect(parts(peer.text(of: 1)).head.contains("l5d-name: /users/greet"))
    peer.receive(mux(2, 2, dispatchBody("/users", bytes("no thrift"))))
    #expect(peer.said() == mux(-2, 2, replyBody(1, bytes("the payload is no Thrift call"))))
  }

  @Test func aCallerOfPlainThriftIsUnderstood() {
    for message in [thrift(.call), thrift(.call, as: .compact), thrift(.call, as: .oldBinary), headerFrame(thrift(.call), sequence: 1)] {
      let peer = Peer(.server, .thriftMux)
      #expect(peer.receive(framed(message)).map(\.kind) == [.call])
      #expect(parts(peer.text(of: 1)).body == dispatchBody("", message))
    }
  }
}
