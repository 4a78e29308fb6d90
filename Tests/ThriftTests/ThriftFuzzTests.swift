import Memory
import TestSupport
import Testing
import Thrift

/// Every cut and random inputs from a seed: none may trap, a beginning is a message cut short or no Thrift at all, and what was read
/// is read the same from more bytes.
@Suite struct ThriftFuzzTests {
  private static let messages = written.filter { !$0.key.hasPrefix("header") && $0.key != "twitter" }.values.sorted {
    $0.lexicographicallyPrecedes($1)
  }
  private static let frames = ["header_binary", "header_compact", "header_zlib"].map { Array(written[$0]!.dropFirst(4)) }
  private static let alphabet: [UInt8] = [0, 1, 2, 8, 11, 12, 13, 15, 0x0f, 0x7f, 0x80, 0x82, 0xff]

  @Test func everyBeginningIsCutShort() {
    for whole in Self.messages {
      forEveryPrefix(of: whole) { prefix in
        if case .success(let read) = message(prefix) {
          #expect(.success(read) == message(whole))
          #expect(fields(read, prefix) == .failure(.truncated))
        } else {
          #expect(message(prefix) == .failure(.truncated))
        }
      }
    }
    forEveryPrefix(of: written["twitter"]!) { prefix in
      if case .failure(let fault) = twitterHeader(prefix) { #expect(fault == .truncated) }
    }
    for frame in Self.frames {
      forEveryPrefix(of: frame) { prefix in
        let read = headerFrame(prefix)
        #expect(read == .failure(.truncated) || read == headerFrame(frame))
      }
    }
  }

  private func fields(_ front: ThriftMessage, _ bytes: [UInt8]) -> Result<Int, ThriftFault> {
    outcome { () throws(ThriftFault) in
      var fields = ThriftStruct(front.encoding, at: front.body)
      while let field = try fields.next(bytes.span) { try fields.skip(field.type, bytes.span) }
      return fields.cursor.offset
    }
  }

  @Test func mutatedMessagesDoNotTrap() {
    var mutator = Mutator(corpus: Self.messages, alphabet: Self.alphabet, seed: 0x7417)
    var accepted = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      guard case .success(let front) = message(input) else { continue }
      accepted += 1
      #expect(front.method.upperBound <= front.body && front.body <= input.count)
      if case .success(let end) = fields(front, input) {
        #expect(end <= input.count)
        #expect(fields(front, input + [1, 2, 3]) == .success(end))
      }
      _ = reply(input)
    }
    #expect(accepted > fuzzRounds / 20, "too few accepted to mean anything: \(accepted)")
  }

  @Test func mutatedHeadersDoNotTrap() {
    var mutator = Mutator(corpus: Self.frames + [written["twitter"]!], alphabet: Self.alphabet, seed: 0x7eade4)
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      if case .success(let frame) = headerFrame(input) {
        #expect(frame.message <= input.count)
        #expect(frame.info.allSatisfy { $0.key.upperBound <= $0.value.lowerBound && $0.value.upperBound <= frame.message })
      }
      if case .success(let header) = twitterHeader(input) {
        #expect(header.end <= input.count && header.destination.upperBound <= header.end)
        #expect(header.delegations.count <= TwitterHeader.most && header.contexts.count <= TwitterHeader.most)
      }
    }
  }
}
