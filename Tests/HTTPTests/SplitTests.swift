import HTTP
import TestSupport
import Testing

/// Heads in pieces: no piece may trap, change the outcome or cost more than its length.
@Suite struct SplitTests {
  @Test(arguments: goodRequests) func everyPrefixOfARequestIsIncomplete(_ text: String) {
    forEveryPrefix(of: bytes(text)) { prefix in
      #expect(request(prefix).result == .incomplete, "\(prefix.count) bytes of \(text.debugDescription)")
    }
  }

  @Test(arguments: goodResponses) func everyPrefixOfAResponseIsIncomplete(_ text: String) {
    forEveryPrefix(of: bytes(text)) { prefix in
      #expect(response(prefix).result == .incomplete, "\(prefix.count) bytes of \(text.debugDescription)")
    }
  }

  @Test(arguments: goodRequests) func everySplitOfARequestGivesTheSame(_ text: String) {
    let whole = bytes(text)
    let expected = request(whole)
    forEverySplit(of: whole) { first, second in
      #expect(inPieces([first, second]).last == expected, "cut at \(first.count) of \(text.debugDescription)")
    }
    #expect(inPieces(whole.map { [$0] }) == [expected])
  }

  @Test func bytesBehindTheHeadAreNotLookedAt() {
    for text in goodRequests {
      for tail in ["\0", "\r", "\n", "GET", " x", "\u{ff}"] {
        #expect(request(text + tail) == request(text))
      }
    }
  }

  /// Parses heads from a growing input as a connection does and returns the outcome of each.
  private func inPieces(_ pieces: [[UInt8]], limits: HeadLimits = .standard) -> [ReadRequest] {
    var head = RequestHead()
    var scan = HeadScan()
    var input: [UInt8] = []
    var outcomes: [ReadRequest] = []
    for piece in pieces {
      input += piece
      while !input.isEmpty {
        let result = head.parse(input.span, limits: limits, scan: &scan)
        if result == .incomplete { break }
        outcomes.append(read(head, result, of: input))
        guard case .complete(let n) = result else { return outcomes }
        input.removeFirst(n)
      }
    }
    return outcomes
  }

  @Test func manyRequestsInRandomPiecesAreAllThere() {
    var random = SeededRandom(seed: 5)
    let good = goodRequests.filter { !$0.hasPrefix("CONNECT") }
    for _ in 0..<50 {
      let texts = (0..<20).map { _ in good[random.below(good.count)] }
      let outcomes = inPieces(random.pieces(of: bytes(texts.joined()), most: 90))
      #expect(outcomes == texts.map { request($0) })
    }
  }

  @Test("35 a head that comes byte by byte costs a constant number of looks per byte", arguments: [1, 7, 100])
  func growthIsLinear(_ piece: Int) {
    for fill in ["X: y\r\n", "X-Long-Name-Of-A-Field: and a value that is long\r\n"] {
      let lines = String(repeating: fill, count: 95)
      let whole = bytes("GET /\(String(repeating: "p", count: 8000)) HTTP/1.1\r\nHost: a\r\n\(lines)\r\n")
      var head = RequestHead()
      var scan = HeadScan()
      var outcome = HeadParse.incomplete
      for end in stride(from: piece, to: whole.count + piece, by: piece) where outcome == .incomplete {
        outcome = head.parse(whole.span.extracting(..<min(end, whole.count)), limits: .standard, scan: &scan)
      }
      #expect(outcome == .complete(whole.count))
      #expect(Int(scan.examined) <= 4 * whole.count + 64, "\(scan.examined) looks at \(whole.count) bytes")
    }
  }

  @Test func faultsShowBeforeTheEndOfAGrowingHead() {
    let long = bytes("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X: y\r\n", count: 50))
    // A bare line feed shows at once; another fault by the time the head has doubled.
    #expect(inPieces(long.map { [$0] } + [bytes("X: y\n")]).last?.fault == .bareLineFeed)
    let wrong = bytes("X : y\r\n") + bytes(String(repeating: "X: y\r\n", count: 60))
    #expect(inPieces(long.map { [$0] } + wrong.map { [$0] }).last?.fault == .spaceBeforeColon)
  }

  @Test func aHeadThatNeverEndsIsStopped() {
    let endless = [[UInt8]](
      repeating: bytes("GET / HTTP/1.1\r\nHost: a\r\nX: ") + [UInt8](repeating: 0x79, count: 1000), count: 1)
    let filler = [[UInt8]](repeating: [UInt8](repeating: 0x79, count: 997), count: 80)
    #expect(inPieces(endless + filler).last?.fault == .headTooLarge)
  }

  @Test func responsesInPiecesAreTheSame() {
    for text in goodResponses {
      let whole = bytes(text)
      forEverySplit(of: whole) { first, _ in
        var head = ResponseHead()
        var scan = HeadScan()
        let before = head.parse(first.span, limits: .standard, scan: &scan)
        #expect(before == (first.count == whole.count ? .complete(whole.count) : .incomplete))
        let after = head.parse(whole.span, limits: .standard, scan: &scan)
        #expect(read(head, after, of: whole, to: .get) == response(whole))
      }
    }
  }

  @Test func theHTTP2PrefaceIsTold() {
    let preface = bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    forEveryPrefix(of: preface) { #expect(HTTP2Preface($0.span) == .incomplete) }
    #expect(HTTP2Preface((preface + [1]).span) == .present)
    #expect(HTTP2Preface(bytes("PRI * HTTP/1.1\r\n").span) == .absent)
    #expect(HTTP2Preface(bytes("G").span) == .absent)
  }
}
