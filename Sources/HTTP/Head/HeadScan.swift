import Memory

/// What a connection remembers about a head that comes in pieces, so that n bytes in any number of pieces cost O(n).
///
/// A head is parsed when its first bytes come, when its end has come, when a bare line feed shows that it is wrong,
/// and when it has doubled since it was last parsed (to find faults early). In between only new bytes are searched
/// for line feeds. So each byte is looked at a constant number of times: searched once, parsed at most 2 + 1 times on
/// average.
public struct HeadScan: Hashable, Sendable {
  private var searched: UInt32 = 0
  private var lastParsed: UInt32 = 0
  /// Bytes looked at on this connection, in searches and parses together, modulo 2^32: what a test of the bound reads.
  public private(set) var examined: UInt32 = 0

  public init() {}

  /// True while a head has begun and its end has not come.
  public var isMidHead: Bool { lastParsed > 0 }

  mutating func shouldParse(_ bytes: Span<UInt8>) -> Bool {
    let count = UInt32(clamping: bytes.count)
    if lastParsed == 0 { return true }
    if count >= lastParsed &* 2 { return true }
    let from = Int(searched)
    searched = count
    if from >= bytes.count { return false }
    examined &+= count &- UInt32(clamping: from)
    return HeadScan.endsOrBreaks(bytes, from: from)
  }

  mutating func parsed(_ count: Int, _ result: HeadParse) {
    guard result == .incomplete, count > 0 else {
      self = HeadScan(examined: examined &+ UInt32(clamping: count))
      return
    }
    searched = UInt32(clamping: count)
    lastParsed = searched
    examined &+= searched
  }

  private init(examined: UInt32) {
    self.examined = examined
  }

  /// A line feed at or after `from` that ends the head or has no carriage return before it.
  private static func endsOrBreaks(_ s: Span<UInt8>, from: Int) -> Bool {
    var i = from
    while i < s.count {
      i = firstControl(s, from: i, to: s.count)
      if i < s.count, s[i] == lineFeed {
        if i == 0 || s[i &- 1] != carriageReturn { return true }
        if i >= 3, s[i &- 2] == lineFeed, s[i &- 3] == carriageReturn { return true }
      }
      i &+= 1
    }
    return false
  }
}
