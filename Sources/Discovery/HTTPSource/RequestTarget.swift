/// Builds a request target of texts from elsewhere.
enum RequestTarget {
  /// One segment of a path, or one part of a query: everything but letters, digits and `-._~` as `%XX` (RFC 3986 §2.3).
  static func encoded(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default: out += "%" + digit(byte >> 4) + digit(byte & 15)
      }
    }
    return out
  }

  /// `path?a=b&c`; parts with an empty value are names alone.
  static func query(_ path: String, _ parts: [(name: String, value: String)]) -> String {
    if parts.isEmpty { return path }
    return path + "?"
      + parts.map { $0.value.isEmpty ? $0.name : "\($0.name)=\(encoded($0.value))" }.joined(separator: "&")
  }

  /// Whether a text can be one segment of a path: `.` and `..` would lead elsewhere, whatever their encoding.
  static func isSegment(_ text: String) -> Bool {
    !text.isEmpty && text != "." && text != ".." && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
  }

  private static func digit(_ nibble: UInt8) -> String { String(nibble, radix: 16, uppercase: true) }
}
