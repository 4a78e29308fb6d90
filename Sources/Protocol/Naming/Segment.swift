/// One part of a path: one or more bytes of any value.
///
/// Held as a string with one Unicode scalar per byte (U+0000 to U+00FF), so that the usual ASCII names of up to 15
/// bytes need no memory of their own, and equality and order are those of the bytes.
public struct Segment: Hashable, Comparable, Sendable, CustomStringConvertible {
  let scalars: String

  init(scalars: String) { self.scalars = scalars }

  /// The UTF-8 bytes of `text`; nil when it is empty.
  public init?(_ text: String) {
    guard !text.isEmpty else { return nil }
    if text.utf8.allSatisfy({ $0 < 0x80 }) {
      self.init(scalars: text)
    } else {
      self.init(bytes: text.utf8)
    }
  }

  /// These bytes; nil when there are none.
  public init?(bytes: some Sequence<UInt8>) {
    var scalars = ""
    for byte in bytes { scalars.unicodeScalars.append(Unicode.Scalar(byte)) }
    guard !scalars.isEmpty else { return nil }
    self.init(scalars: scalars)
  }

  /// The number in digits.
  public init(decimal: UInt64) { self.init(scalars: String(decimal)) }

  /// One byte for each scalar; nil when there is none, or one above U+00FF.
  public init?(latin1 scalars: String) {
    guard !scalars.isEmpty, scalars.unicodeScalars.allSatisfy({ $0.value < 0x100 }) else { return nil }
    self.init(scalars: scalars)
  }

  /// One scalar for each byte; for ASCII names the text itself, with no copy.
  public var scalarText: String { scalars }

  public var bytes: [UInt8] { scalars.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }

  /// Whether the bytes are UTF-8: only then does no other segment have the same `text`.
  public var isText: Bool { isASCII || text.utf8.elementsEqual(bytes) }

  /// The bytes read as UTF-8; broken sequences become U+FFFD.
  public var text: String { isASCII ? scalars : String(decoding: bytes, as: UTF8.self) }

  private var isASCII: Bool { scalars.utf8.allSatisfy { $0 < 0x80 } }

  /// As dtabs write it: raw when every byte is a label character, else every byte as `\xhh`.
  public var description: String {
    if scalars.utf8.allSatisfy(Self.isLabelCharacter) { return scalars }
    return bytes.map { "\\x" + Self.hex($0 >> 4) + Self.hex($0 & 15) }.joined()
  }

  public static func < (a: Segment, b: Segment) -> Bool { a.scalars < b.scalars }
  public static func == (a: Segment, b: String) -> Bool { a.scalars == b && a.isASCII }

  /// `0-9 A-Z a-z _ : . # $ % -`
  public static func isLabelCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    case UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "."), UInt8(ascii: "#"), UInt8(ascii: "$"),
      UInt8(ascii: "%"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func hex(_ nibble: UInt8) -> String { String(nibble, radix: 16) }
}
