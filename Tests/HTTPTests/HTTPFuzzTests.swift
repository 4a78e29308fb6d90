import HTTP
import TestSupport
import Testing

/// Random inputs from a seed. Each must end without a trap, the same in any pieces, and whatever is accepted must
/// hold what the rules promise.
@Suite struct HTTPFuzzTests {
  private let rounds = fuzzRounds
  private let requests = Mutator(corpus: goodRequests.map(bytes), alphabet: wireAlphabet, seed: 0x1eaf)
  private let responses = Mutator(corpus: goodResponses.map(bytes), alphabet: wireAlphabet, seed: 0xbeef)

  @Test func mutatedRequestsKeepTheRules() {
    var mutator = requests
    var accepted = 0
    for _ in 0..<rounds {
      let input = mutator.next()
      let outcome = request(input)
      if case .complete(let n) = outcome.result {
        accepted += 1
        expectSound(outcome, Array(input[..<n]))
      }
      let cut = mutator.random.below(input.count + 1)
      let early = request(Array(input[..<cut]))
      #expect(agrees(early.result, outcome.result, cut: cut), "\(text(input).debugDescription) cut at \(cut)")
    }
    #expect(accepted > rounds / 20, "too few accepted to mean anything: \(accepted)")
  }

  /// A prefix is incomplete, or has the outcome of the whole; a fault may be found earlier but not taken back.
  private func agrees(_ early: HeadParse, _ late: HeadParse, cut: Int) -> Bool {
    if early == .incomplete { return true }
    if case .complete = early { return early == late }
    if case .fault = late { return true }
    return false
  }

  private func expectSound(_ head: ReadRequest, _ input: [UInt8]) {
    let note = Comment(rawValue: text(input).debugDescription)
    #expect(!input.contains(0) && input.suffix(4) == [13, 10, 13, 10], note)
    #expect(zip(input, input.dropFirst()).allSatisfy { ($0 == 13) == ($1 == 10) }, note)
    let names = head.fields.map { $0.name.lowercased() }
    #expect(names.filter { $0 == "host" }.count <= 1 && names.filter { $0 == "content-length" }.count <= 1, note)
    #expect(!(names.contains("content-length") && names.contains("transfer-encoding")), note)
    #expect(head.fields.allSatisfy { !$0.name.isEmpty && !$0.name.contains { " \t:\r\n".contains($0) } }, note)
    #expect(head.minorVersion == 0 || !head.host.isEmpty, note)
    #expect(!head.host.contains("@") && !head.host.contains(" "), note)
    switch head.framing {
    case .chunked: #expect(names.contains("transfer-encoding"), note)
    case .length(let n): #expect(head.fields.contains { $0.known == .contentLength && UInt64($0.value) == n }, note)
    case .none: #expect(!names.contains("transfer-encoding"), note)
    case .untilClose: Issue.record("a request cannot run until the close")
    }
  }

  @Test func mutatedResponsesDoNotTrap() {
    var mutator = responses
    for _ in 0..<rounds {
      let input = mutator.next()
      let outcome = response(input)
      let cut = mutator.random.below(input.count + 1)
      #expect(
        agrees(response(Array(input[..<cut])).result, outcome.result, cut: cut),
        "\(text(input).debugDescription) cut at \(cut)")
      if case .complete = outcome.result { #expect(outcome.status >= 100 && outcome.status < 600) }
    }
  }

  @Test func mutatedBodiesAreTheSameInAnyPieces() {
    let bodies = BodyReaderTests.goodBodies
    var mutator = Mutator(corpus: bodies.map { bytes($0.1) }, alphabet: wireAlphabet, seed: 0xcafe)
    for _ in 0..<rounds {
      let (framing, good) = bodies[mutator.random.below(bodies.count)]
      let input = mutator.edited(bytes(good))
      let whole = body(framing, [input])
      let pieces = body(framing, mutator.pieces(of: input, most: 5))
      #expect(whole.isDone == pieces.isDone && whole.data == pieces.data, "\(text(input).debugDescription)")
      #expect(
        (whole.fault == nil) == (pieces.fault == nil) && whole.trailers == pieces.trailers,
        "\(text(input).debugDescription)")
    }
  }

  @Test func randomBytesDoNotTrap() {
    var random = SeededRandom(seed: 0xd1ce ^ fuzzSeed)
    for _ in 0..<rounds {
      let input = (0..<random.below(80)).map { _ in wireAlphabet[random.below(wireAlphabet.count)] }
      _ = request(input)
      _ = response(input)
      _ = body(.chunked, [input])
      var table = FieldTable()
      _ = table.parseTrailers(input.span)
      #expect(grpcTimeoutNanoseconds(input.span) == nil || input.count <= 9)
    }
  }

  /// Messages come out whole and in order or the stream faults for good, however it is cut.
  @Test func mutatedMessageStreamsAreTheSameInAnyPieces() {
    let good = [bytes("hello"), [], [UInt8](repeating: 7, count: 99)].map { grpcFrame($0) }
    var mutator = Mutator(corpus: good + [good.flatMap { $0 }], alphabet: [0, 1, 2, 4, 100, 0xff], seed: 0x6c)
    for _ in 0..<rounds {
      let input = mutator.next()
      let whole = GRPCTests.messages([input])
      let pieces = GRPCTests.messages(mutator.pieces(of: input, most: 7))
      #expect(whole.0 == pieces.0 && whole.1 == pieces.1 && whole.2 == pieces.2, "\(input)")
      #expect(whole.0.allSatisfy { $0.count <= 100 })
    }
  }
}
