import Memory

extension Span<UInt8> {
  /// The bytes of `range` are `text`, which is in lower case, in any case.
  func equals(_ range: Range<Int>, _ text: StaticString) -> Bool {
    range.count == text.utf8CodeUnitCount && equalsIgnoringCase(extracting(range), text)
  }

  /// The bytes of both ranges are the same letters in any case.
  func equals(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where lowercased(self[a.lowerBound &+ i]) != lowercased(self[b.lowerBound &+ i]) {
      return false
    }
    return true
  }
}
