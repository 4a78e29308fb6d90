/// What the `Connection` fields of a head say (RFC 9110 §7.6.1).
struct ConnectionOptions: Equatable {
  var close = false
  var keepAlive = false
  var upgrade = false
  /// Options other than `close` and `keep-alive`.
  var hasOthers = false
}

extension FieldTable {
  /// Reads all `Connection` fields and marks the fields that they list as hop by hop. Only fields that the mesh does
  /// not know can be taken away so (``FieldName/yieldsToConnection``); the others are hop by hop by their name or not
  /// at all.
  mutating func applyConnection(_ s: Span<UInt8>, limit: Int, into options: inout ConnectionOptions) -> HTTPFault? {
    guard contains(.connection) else { return nil }
    var elements = 0
    for i in 0..<count where self[i].name == .connection {
      var list = TokenList(self[i].valueRange)
      while let element = list.next(s) {
        elements &+= 1
        if elements > limit { return .tooManyConnectionOptions }
        if element.isEmpty { continue }
        guard apply(element, s, &options) else { return .badConnectionOption }
      }
    }
    return nil
  }

  /// False when the option is no token.
  private mutating func apply(_ option: Range<Int>, _ s: Span<UInt8>, _ options: inout ConnectionOptions) -> Bool {
    if s.equals(option, "keep-alive") {
      options.keepAlive = true
      return true
    }
    if s.equals(option, "close") {
      options.close = true
      return true
    }
    guard option.isAllTokens(s) else { return false }
    options.hasOthers = true
    if s.equals(option, "upgrade") { options.upgrade = true }
    for i in 0..<count where self[i].name.yieldsToConnection && s.equals(option, self[i].nameRange) {
      markHopByHop(at: i)
    }
    return true
  }
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1), without blanks around them; empty ones are given too.
public struct TokenList {
  private var position: Int
  private let end: Int

  /// - Parameter range: where the list stands in the bytes that `next` gets.
  public init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  /// Where the next element stands; nil behind the last.
  public mutating func next(_ s: Span<UInt8>) -> Range<Int>? {
    guard position <= end else { return nil }
    var stop = position
    while stop < end, s[stop] != UInt8(ascii: ",") { stop &+= 1 }
    var from = position
    var to = stop
    while from < to, isBlank(s[from]) { from &+= 1 }
    while to > from, isBlank(s[to &- 1]) { to &-= 1 }
    position = stop &+ 1
    return from..<to
  }
}

extension Range<Int> {
  func isAllTokens(_ s: Span<UInt8>) -> Bool {
    for i in self where !isToken(s[i]) { return false }
    return true
  }
}
