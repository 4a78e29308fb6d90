import HTTP
import Memory

/// Protocols that a caller's connection may switch to (`outbound.upgrades`).
public struct UpgradeTokens: Sendable, Equatable {
  /// As many as an offer can tell apart. 32.
  public static let limit = UpgradeOffer.RawValue.bitWidth

  /// WebSocket (RFC 6455) and nothing else.
  public static let standard = UpgradeTokens(names: [webSocket])

  /// In lower case.
  private(set) var names: [[UInt8]]

  private init(names: [[UInt8]]) { self.names = names }

  /// None: every `Upgrade` field is ignored.
  public init() { names = [] }

  /// Adds a protocol, `name` or `name/version` (RFC 9110 §7.8). Returns why it cannot be added.
  mutating func add(_ text: String) -> String? {
    let token = Array(text.lowercased().utf8)
    let parts = token.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(isTokenByte) }) else {
      return "expected the name of a protocol such as websocket, found \"\(text.prefix(80))\""
    }
    // What is tunnelled is not looked at: requests in it would pass every rule unseen.
    if parts[0].elementsEqual("h2c".utf8) || parts[0].elementsEqual("http".utf8) {
      return "\(text) cannot be tunnelled: HTTP/2 is spoken with prior knowledge"
    }
    guard names.count < Self.limit else { return "expected at most \(Self.limit) protocols" }
    if !names.contains(token) { names.append(token) }
    return nil
  }

  /// Which of these protocols the `Upgrade` fields name, and whether they name others.
  func named(by fields: borrowing FieldTable, in bytes: Span<UInt8>) -> (UpgradeOffer, hasOthers: Bool) {
    var (offer, hasOthers) = (UpgradeOffer(), false)
    for i in 0..<fields.count where fields[i].name == .upgrade {
      var list = TokenList(fields[i].valueRange)
      while let element = list.next(bytes) {
        if element.isEmpty { continue }
        if let index = index(of: bytes.extracting(element)) {
          offer.insert(UpgradeOffer(rawValue: 1 << index))
        } else {
          hasOthers = true
        }
      }
    }
    return (offer, hasOthers)
  }

  /// Writes the fields with which a request offers those of these protocols that its own fields name, in its order and spelling.
  func writeOffer(_ fields: borrowing FieldTable, _ bytes: Span<UInt8>, into output: inout ByteBuffer) {
    output.append("connection: upgrade\r\nupgrade: ")
    var isFirst = true
    for i in 0..<fields.count where fields[i].name == .upgrade {
      var list = TokenList(fields[i].valueRange)
      while let element = list.next(bytes) {
        guard index(of: bytes.extracting(element)) != nil else { continue }
        if !isFirst { output.append(", ") }
        isFirst = false
        output.append(bytes.extracting(element))
      }
    }
    output.append("\r\n")
  }

  /// The name of the only protocol in an offer of these; nil when there is none, or several.
  func name(of offer: UpgradeOffer) -> [UInt8]? {
    let index = offer.rawValue.trailingZeroBitCount
    return offer.rawValue.nonzeroBitCount == 1 && index < names.count ? names[index] : nil
  }

  /// Whether an offer of these has WebSocket, whose handshake has a key.
  func includesWebSocket(_ offer: UpgradeOffer) -> Bool {
    names.indices.contains { names[$0] == Self.webSocket && offer.rawValue & (1 << UpgradeOffer.RawValue($0)) != 0 }
  }

  private static let webSocket = Array("websocket".utf8)

  private func index(of element: Span<UInt8>) -> UpgradeOffer.RawValue? {
    for (i, name) in names.enumerated() where isAlike(element, name) {
      return UpgradeOffer.RawValue(truncatingIfNeeded: i)
    }
    return nil
  }
}

/// Protocols that a request offers to switch to: bit `i` is the `i`-th of the listener's `UpgradeTokens`.
public struct UpgradeOffer: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// Whether `element` is `name`, which is in lower case.
private func isAlike(_ element: Span<UInt8>, _ name: [UInt8]) -> Bool {
  guard element.count == name.count else { return false }
  for i in name.indices {
    let byte = element[i]
    let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
    if (isUpper ? byte | 0x20 : byte) != name[i] { return false }
  }
  return true
}

/// A byte of a token (RFC 9110 §5.6.2) in lower case.
private func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
  default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
