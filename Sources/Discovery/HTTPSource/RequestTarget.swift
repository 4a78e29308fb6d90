import MeshProtocol

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

  /// The text of a name's segment that can be one segment of a request's path; nil for any other. `.` and `..` would lead elsewhere,
  /// whatever their encoding; a slash would make two of one; bytes that are no UTF-8 would all read alike.
  static func text(_ segment: Segment) -> String? {
    let text = segment.text
    guard text != ".", text != "..", text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }),
      segment.isText
    else { return nil }
    return text
  }

  private static func digit(_ nibble: UInt8) -> String { String(nibble, radix: 16, uppercase: true) }
}
