import Memory
import Mux
import TestSupport
import Testing

/// Every cut and random inputs from a seed.
@Suite struct MuxFuzzTests {
  private static let alphabet: [UInt8] = [0, 1, 2, 64, 65, 66, 67, 68, 0x7f, 0x80, 0xbc, 0xfe, 0xff]
  private static let replyBody: [UInt8] = [0, 0, 1] + counted("key") + counted("value") + bytes("hello")
  private static let initBody = number(1, 2) + counted("mux-framer", 4) + counted("none", 4)

  @Test func everyBeginningIsCutShort() {
    let front = try! dispatch(sampleDispatch).get().payload
    forEveryPrefix(of: sampleDispatch) { prefix in
      if prefix.count < front { #expect(dispatch(prefix) == .failure(.truncated)) } else { #expect((try? dispatch(prefix).get())?.payload == front) }
    }
    forEveryPrefix(of: Self.replyBody) { prefix in
      if case .failure(let fault) = reply(prefix) { #expect(fault == .truncated) }
    }
  }

  @Test func mutatedBodiesDoNotTrap() {
    var mutator = Mutator(corpus: [sampleDispatch, Self.replyBody, Self.initBody], alphabet: Self.alphabet, seed: 0x3ab)
    var accepted = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      if case .success(let read) = dispatch(input) {
        accepted += 1
        #expect(read.payload <= input.count && read.destination.upperBound <= read.payload)
        #expect((read.contexts + read.delegations).allSatisfy { $0.second.upperBound <= read.payload })
      }
      if case .success(let read) = reply(input) { #expect(read.payload <= input.count) }
      if case .success(let read) = initialize(input) { #expect(read.parameters.allSatisfy { $0.second.upperBound <= input.count }) }
      _ = outcome { () throws(MuxFault) in try MuxRequest(input.span) }
      _ = outcome { () throws(MuxFault) in try muxDiscardedTag(input.span) }
      _ = outcome { () throws(MuxFault) in try muxLeaseMilliseconds(input.span) }
    }
    #expect(accepted > fuzzRounds / 50, "too few accepted to mean anything: \(accepted)")
  }

  /// A stream of messages is the same in any pieces, and assembling holds no more than its limit.
  @Test func mutatedStreamsAreTheSameInAnyPieces() {
    let several = [
      muxMessage(2, 1, sampleDispatch), muxMessage(65, 2, []), muxMessage(2, 0x80_0003, Array(sampleDispatch.prefix(20))),
      muxMessage(2, 3, Array(sampleDispatch.dropFirst(20))), muxMessage(68, 1, Self.initBody), muxMessage(-2, 9, Self.replyBody),
    ]
    var mutator = Mutator(corpus: [several.flatMap { $0 }] + several, alphabet: Self.alphabet, seed: 0xf1a6)
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      let whole = messages(of: [input])
      #expect(messages(of: mutator.pieces(of: input, most: 9)) == whole)
    }
  }

  private func messages(of pieces: [[UInt8]]) -> [[UInt8]] {
    var buffer = ByteBuffer()
    var assembler = MuxAssembler(limit: 512)
    var found: [[UInt8]] = []
    for piece in pieces {
      buffer.append(piece)
      while case .whole(let end) = LengthPrefix(buffer.span, limit: 512) {
        let result = outcome { () throws(MuxFault) -> [UInt8]? in
          let bytes = buffer.span.extracting(LengthPrefix.size..<end)
          let frame = try MuxFrame(bytes)
          return try assembler.take(frame, bytes.extracting(MuxFrame.headSize...))
        }
        if case .success(let message?) = result { found.append(message) }
        if case .failure = result { found.append([]) }
        #expect(assembler.heldBytes <= 512)
        buffer.removeFirst(end)
      }
    }
    return found
  }
}
