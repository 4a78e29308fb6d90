/// A name in the domain name system: labels of 1 to 63 bytes, lower case, 255 bytes on the wire at most (RFC 1035 §2.3.4).
struct HostName: Hashable, Sendable, CustomStringConvertible {
  /// Without the root.
  let labels: [String]

  /// Reads `www.example.org`, with or without a dot at the end. Of the bytes only letters, digits, `-` and `_` are taken:
  /// others are no host names anywhere, and hostile ones go no further than here. Digits alone at the end are refused, so
  /// that no half of an address is taken for a name (RFC 3696 §2).
  init?(_ text: String) {
    let bare = text.hasSuffix(".") ? text.dropLast() : text[...]
    var labels: [String] = []
    for label in bare.split(separator: ".", omittingEmptySubsequences: false) {
      guard (1...63).contains(label.utf8.count), label.utf8.allSatisfy(Self.isNameByte) else { return nil }
      labels.append(label.lowercased())
    }
    guard let last = labels.last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(labels: labels)
  }

  /// Labels as they come from the wire; nil when they are too long or not such as `init(_:)` takes.
  init?(labels: [String]) {
    let length = labels.reduce(1) { $0 + 1 + $1.utf8.count }
    guard length <= 255 else { return nil }
    self.labels = labels
  }

  /// Dots in it, which decide whether search domains come before or after it (`ndots`).
  var dots: Int { max(0, labels.count - 1) }

  func appending(_ other: HostName) -> HostName? { HostName(labels: labels + other.labels) }

  var description: String { labels.joined(separator: ".") }

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
