/// The one form of a path that matching looks at. The path itself is forwarded byte for byte.
///
/// Percent escapes are decoded and runs of `/` count as one. Spellings that programs read differently have no form and
/// must not be matched at all: an escaped `/`, `\` or zero byte, a `\` or `#` as it is, an escape that is none, and
/// segments `.` and `..`, however they are written and also with parameters (`..;x`).
public enum PathForm {
  /// The form of `raw`, a path without its query.
  /// - Parameter path: replaced by the form; undefined after false.
  /// - Returns: false when the path is ambiguous.
  public static func normalize(_ raw: Span<UInt8>, into path: inout [UInt8]) -> Bool {
    path.removeAll(keepingCapacity: true)
    var segment = 0
    var i = 0
    while i < raw.count {
      var byte = raw[i]
      i &+= 1
      switch byte {
      case UInt8(ascii: "/"):
        if isDots(path, from: segment) { return false }
        if path.last == byte { continue }
        path.append(byte)
        segment = path.count
        continue
      case UInt8(ascii: "\\"), UInt8(ascii: "#"), 0: return false
      case UInt8(ascii: "%"):
        guard i &+ 2 <= raw.count, let high = hexDigit(raw[i]), let low = hexDigit(raw[i &+ 1]) else { return false }
        byte = high &<< 4 | low
        if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") || byte == 0 { return false }
        i &+= 2
      default: break
      }
      path.append(byte)
    }
    return !isDots(path, from: segment)
  }

  /// Whether what stands from `start` on is `.` or `..`, with or without parameters.
  private static func isDots(_ path: [UInt8], from start: Int) -> Bool {
    var i = start
    while i < path.count, path[i] == UInt8(ascii: ".") { i &+= 1 }
    guard i > start, i &- start <= 2 else { return false }
    return i == path.count || path[i] == UInt8(ascii: ";")
  }

  /// Where the query begins in a target, `?` included; its end when there is none.
  public static func pathEnd(_ target: Span<UInt8>) -> Int {
    var i = 0
    while i < target.count, target[i] != UInt8(ascii: "?") { i &+= 1 }
    return i
  }

  /// Where in a target that which follows the first `segments` segments of its path begins. Runs of `/` count as one.
  public static func offset(after segments: Int, in target: Span<UInt8>) -> Int {
    var i = 0
    for _ in 0..<segments {
      while i < target.count, target[i] == UInt8(ascii: "/") { i &+= 1 }
      while i < target.count, target[i] != UInt8(ascii: "/"), target[i] != UInt8(ascii: "?") { i &+= 1 }
    }
    while i &+ 1 < target.count, target[i] == UInt8(ascii: "/"), target[i &+ 1] == UInt8(ascii: "/") { i &+= 1 }
    return i
  }
}

/// The value of a hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
  default: nil
  }
}
