/// Base 64 with the usual alphabet and padding (RFC 4648 §4).
public enum Base64 {
  /// The bytes as text.
  public static func encoded(_ bytes: some Collection<UInt8>) -> String {
    var out: [UInt8] = []
    out.reserveCapacity((bytes.count + 2) / 3 * 4)
    var rest = bytes[...]
    while let first = rest.popFirst() {
      let second = rest.popFirst()
      let third = second == nil ? nil : rest.popFirst()
      let group = UInt32(first) << 16 | UInt32(second ?? 0) << 8 | UInt32(third ?? 0)
      out.append(letter(group >> 18))
      out.append(letter(group >> 12 & 63))
      out.append(second == nil ? UInt8(ascii: "=") : letter(group >> 6 & 63))
      out.append(third == nil ? UInt8(ascii: "=") : letter(group & 63))
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Nil for anything else; line ends within are passed over, as files have them.
  public static func decoded(_ text: String) -> [UInt8]? {
    let letters = text.utf8.filter { $0 != 0x0A && $0 != 0x0D }
    guard letters.count % 4 == 0 else { return nil }
    let padding = letters.reversed().prefix { $0 == UInt8(ascii: "=") }.count
    guard padding <= 2 else { return nil }
    var out: [UInt8] = []
    out.reserveCapacity(letters.count / 4 * 3)
    var group: UInt32 = 0
    for (index, byte) in letters.enumerated() {
      let isPadding = index >= letters.count - padding
      guard let value = isPadding ? 0 : value(byte) else { return nil }
      group = group << 6 | value
      if index % 4 == 3 {
        out += [
          UInt8(truncatingIfNeeded: group >> 16), UInt8(truncatingIfNeeded: group >> 8),
          UInt8(truncatingIfNeeded: group),
        ]
        group = 0
      }
    }
    out.removeLast(padding)
    return out
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func letter(_ value: UInt32) -> UInt8 { alphabet[Int(value)] }

  private static func value(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
