/// Base 64 with the alphabet for URLs and names of files, without padding (RFC 4648 §5).
enum Base64URL {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encoded(_ bytes: [UInt8]) -> String {
    var out: [UInt8] = []
    var (group, bits) = (UInt32(0), 0)
    for byte in bytes {
      (group, bits) = (group << 8 | UInt32(byte), bits + 8)
      while bits >= 6 {
        bits -= 6
        out.append(alphabet[Int(group >> bits & 63)])
      }
    }
    if bits > 0 { out.append(alphabet[Int(group << (6 - bits) & 63)]) }
    return String(decoding: out, as: UTF8.self)
  }

  /// Nil for anything that `encoded` does not write: two texts never mean the same bytes.
  static func decoded(_ text: String) -> [UInt8]? {
    var out: [UInt8] = []
    var (group, bits) = (UInt32(0), 0)
    for letter in text.utf8 {
      guard let value = value(letter) else { return nil }
      (group, bits) = (group << 6 | value, bits + 6)
      if bits >= 8 {
        bits -= 8
        out.append(UInt8(truncatingIfNeeded: group >> bits))
      }
    }
    return bits < 6 && group & (1 << bits - 1) == 0 ? out : nil
  }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    default: nil
    }
  }
}
