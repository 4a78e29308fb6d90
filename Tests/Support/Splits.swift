/// Bytes of a text, for tests that speak a wire format.
public func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The text of bytes, for messages of failing tests.
public func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

/// Calls `body` with each way to cut `whole` in two, the two with an empty half included.
public func forEverySplit(of whole: [UInt8], _ body: (_ first: [UInt8], _ second: [UInt8]) throws -> Void) rethrows {
  for cut in 0...whole.count { try body(Array(whole[..<cut]), Array(whole[cut...])) }
}

/// Calls `body` with each proper prefix of `whole`, shortest first.
public func forEveryPrefix(of whole: [UInt8], _ body: (_ prefix: [UInt8]) throws -> Void) rethrows {
  for count in 0..<whole.count { try body(Array(whole[..<count])) }
}

extension SeededRandom {
  /// `whole` in random pieces, each of 1 to `most` bytes.
  public mutating func pieces(of whole: [UInt8], most: Int) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < whole.count {
      let end = min(whole.count, start + 1 + below(most))
      pieces.append(Array(whole[start..<end]))
      start = end
    }
    return pieces
  }

  /// A copy of `whole` after one to four random edits: a bit or a byte changed, a run removed or doubled, a byte of
  /// `alphabet` put in.
  public mutating func mutated(_ whole: [UInt8], alphabet: [UInt8]) -> [UInt8] {
    var copy = whole
    for _ in 0...below(4) {
      let at = below(copy.count)
      let run = at..<min(copy.count, at + 1 + below(8))
      switch below(6) {
      case 0 where !copy.isEmpty: copy[at] ^= 1 << UInt8(below(8))
      case 1 where !copy.isEmpty: copy[at] = UInt8(truncatingIfNeeded: next())
      case 2 where !copy.isEmpty: copy.removeSubrange(run)
      case 3 where !copy.isEmpty: copy.insert(contentsOf: copy[run], at: at)
      case 4 where !copy.isEmpty && !alphabet.isEmpty: copy[at] = alphabet[below(alphabet.count)]
      default: copy.insert(alphabet.isEmpty ? 0 : alphabet[below(alphabet.count)], at: at)
      }
    }
    return copy
  }
}

/// What a connection comes to whose bytes arrive in these pieces: the first answer of `read` that is not `unsure`, which it gives while
/// there are too few.
public func fed<Found: Equatable>(_ pieces: [[UInt8]], unsure: Found, _ read: ([UInt8]) -> Found) -> Found {
  var received: [UInt8] = []
  for piece in pieces {
    received += piece
    let found = read(received)
    if found != unsure { return found }
  }
  return unsure
}
