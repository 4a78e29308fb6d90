import Memory
import RPC
import TestSupport
import Testing

/// Connections fed with what no peer should send: none may trap, keep a call for ever, or write half a message.
@Suite struct CallFuzzTests {
  private static let alphabet: [UInt8] = [0, 1, 2, 12, 64, 65, 66, 67, 68, 0x7f, 0x80, 0x82, 0xbc, 0xfe, 0x0f, 0xff]
  private static let thriftStream: [[UInt8]] = [
    framed(thrift(.call)), framed(thrift(.oneway, as: .compact)), framed(thrift(.call, as: .oldBinary)),
    framed(headerFrame(thrift(.call), sequence: 4)), framed(thrift(.call, "__can__finagle__trace__v3__")),
    framed(thrift(.reply)), framed([0] + thrift(.call)),
  ]
  private static let muxStream: [[UInt8]] = [
    mux(2, 1, dispatchBody("/users", thrift(.call), dtab: [("/a", "/b")])), mux(65, 2), mux(68, 1, number(1, 2)),
    mux(2, 0x80_0007, dispatchBody("/a", [])), mux(2, 7, bytes("rest")), mux(66, 0, number(1, 3)), mux(64, 3),
    mux(-2, 1, replyBody(0, thrift(.reply))), mux(-2, 1, replyBody(2, [])), mux(67, 0, [0] + number(9, 8)),
    mux(1, 9, [0] + thrift(.call)), mux(-128, 1, bytes("tinit check")),
  ]

  @Test(arguments: CallProtocol.allCases) func mutatedCallersDoNotTrap(_ speaks: CallProtocol) {
    let corpus = speaks == .thrift ? Self.thriftStream : speaks == .mux ? Self.muxStream : Self.muxStream + Self.thriftStream
    var mutator = Mutator(corpus: [corpus.flatMap { $0 }] + corpus, alphabet: Self.alphabet, seed: 0xca11)
    var called = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      let whole = run(speaks, [input])
      let pieces = run(speaks, mutator.pieces(of: input, most: 11))
      #expect(whole.said == pieces.said && whole.fault == pieces.fault)
      called += whole.calls
    }
    #expect(called > fuzzRounds / 20, "too few calls to mean anything: \(called)")
  }

  /// Answers every call as it comes, some by a fault.
  private func run(_ speaks: CallProtocol, _ pieces: [[UInt8]]) -> (said: [UInt8], fault: CallFault?, calls: Int) {
    var settings = CallSettings()
    settings.methodInName = true
    settings.messageLimit = 4096
    let peer = Peer(.server, speaks, settings)
    var (said, calls): ([UInt8], Int) = ([], 0)
    for piece in pieces {
      peer.session.receive(piece.span)
      while let event = peer.session.nextEvent() {
        switch event.kind {
        case .call:
          calls += 1
          let text = peer.text(of: event.call)
          let (head, body) = parts(text)
          #expect(head.count >= 4 && head.last == "content-length: \(body.count)")
          #expect(head.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } })
          peer.answer(event.call, calls % 3 == 0 ? "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n" : answerText(thrift(.reply)))
        case .malformed: peer.answer(event.call, "HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n")
        case .discarded: peer.session.forget(event.call)
        case .answer, .refused, .closed: break
        }
      }
      said += peer.said()
    }
    #expect(peer.session.callCount == 0)
    #expect(areWhole(said))
    return (said, peer.session.fault, calls)
  }

  @Test(arguments: CallProtocol.allCases) func mutatedEndpointsDoNotTrap(_ speaks: CallProtocol) {
    let answers = speaks == .thrift ? [framed(thrift(.reply)), framed(exception("no")), framed(headerFrame(thrift(.reply), sequence: 1))] : Self.muxStream
    var mutator = Mutator(corpus: answers, alphabet: Self.alphabet, seed: 0xe4d)
    let body = dispatchBody("/users", thrift(.call))
    let request = bytes("POST / HTTP/1.1\r\ncontent-type: \(callContentType)\r\ncontent-length: \(body.count)\r\n\r\n") + body
    var answered = 0
    for _ in 0..<fuzzRounds {
      var settings = CallSettings()
      settings.asksForTwitter = mutator.random.below(2) == 0
      let peer = Peer(.client, speaks, settings)
      let id = peer.session.submit(tag: 1)!
      #expect(peer.session.takeRequest(id, request.span) == true)
      var said = peer.said()
      for event in peer.receive(mutator.next()) {
        if event.kind == .answer {
          answered += 1
          let (head, body) = parts(peer.text(of: event.call))
          #expect(head.last == "content-length: \(body.count)")
        }
        peer.session.forget(event.call)
      }
      said += peer.said()
      #expect(areWhole(said) && peer.session.callCount <= 1)
    }
    #expect(answered > fuzzRounds / 50, "too few answers to mean anything: \(answered)")
  }

  private func areWhole(_ said: [UInt8]) -> Bool {
    var buffer = ByteBuffer()
    buffer.append(said)
    while case .whole(let end) = LengthPrefix(buffer.span, limit: 1 << 20) { buffer.removeFirst(end) }
    return buffer.isEmpty
  }
}
