/// Why a text is no path, prefix, tree or dtab. The fault is the writer's; trying again does not help.
///
/// `message` has the form that users of Linkerd know: `'/' expected but 'i' found at '[i]nvalid-param'`.
public struct NamingError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What the grammar wanted: `'/'`, `label char`, `weight`, …
  public let expected: String
  /// What stood there: a character in quotes, or `end of input`.
  public let found: String
  /// Where, as bytes from the start of the text.
  public let offset: Int
  /// The text with the offending character in brackets; cut at `NamingLimits.shownBytes` on either side.
  public let place: String

  public var message: String { "\(expected) expected but \(found) found at '\(place)'" }
  public var description: String { message }

  init(expected: String, in text: [UInt8], at offset: Int, found: String? = nil) {
    let bad = Self.character(in: text, at: offset)
    self.expected = expected
    self.found = found ?? (bad.isEmpty ? "end of input" : "'\(bad)'")
    self.offset = offset
    place = "\(Self.before(text, offset))[\(bad)]\(Self.after(text, offset))"
  }

  /// The whole character that starts at `offset`: a parser stops only where one starts.
  private static func character(in text: [UInt8], at offset: Int) -> String {
    guard offset < text.count else { return "" }
    return String(decoding: text[offset..<end(of: text, after: offset)], as: UTF8.self)
  }

  private static func end(of text: [UInt8], after offset: Int) -> Int {
    guard offset < text.count else { return text.count }
    var end = offset + 1
    while end < text.count, isContinuation(text[end]) { end += 1 }
    return end
  }

  private static func before(_ text: [UInt8], _ offset: Int) -> String {
    let end = min(offset, text.count)
    var start = max(0, end - NamingLimits.shownBytes)
    while start < end, start > 0, isContinuation(text[start]) { start += 1 }
    return (start > 0 ? "…" : "") + String(decoding: text[start..<end], as: UTF8.self)
  }

  private static func after(_ text: [UInt8], _ offset: Int) -> String {
    let start = end(of: text, after: offset)
    var end = min(text.count, start + NamingLimits.shownBytes)
    while end < text.count, end > start, isContinuation(text[end]) { end -= 1 }
    return String(decoding: text[start..<end], as: UTF8.self) + (end < text.count ? "…" : "")
  }

  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xc0 == 0x80 }
}
