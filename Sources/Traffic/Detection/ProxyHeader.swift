/// What a load balancer says of the caller that it connects for: the PROXY protocol, versions 1 and 2, as HAProxy defines it
/// (haproxy.org/download/2.6/doc/proxy-protocol.txt). It stands before the caller's first byte.
public struct ProxyHeader: Equatable, Sendable {
  /// The caller's address, `10.0.0.1:80` or `[::1]:80`; nil when the balancer speaks for itself (LOCAL), or does not know (UNKNOWN).
  public let source: String?
  /// Where the caller had connected to.
  public let destination: String?

  /// What the bytes so far come to.
  public enum Parse: Equatable, Sendable {
    case needMore
    /// The header, and how many bytes it had.
    case complete(ProxyHeader, length: Int)
    /// There is no such header, or it breaks the protocol: nothing of the connection can be believed.
    case malformed
  }

  /// A version 1 header with its line end (section 2.1).
  static let longestText = 107
  /// A version 2 header with what may follow the addresses: what is longer is malformed. 2 KiB.
  static let longestBinary = 2048

  private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]

  /// Reads the header at the front of what a connection has brought.
  public static func parse(_ bytes: Span<UInt8>) -> Parse {
    guard bytes.count > 0 else { return .needMore }
    return bytes[0] == signature[0] ? binary(bytes) : text(bytes)
  }

  // MARK: Version 1

  private static func text(_ bytes: Span<UInt8>) -> Parse {
    let start = Array("PROXY ".utf8)
    for i in 0..<min(bytes.count, start.count) where bytes[i] != start[i] { return .malformed }
    var end = 0
    while end + 1 < min(bytes.count, longestText), !(bytes[end] == 0x0d && bytes[end + 1] == 0x0a) { end += 1 }
    guard end + 1 < bytes.count, bytes[end] == 0x0d, bytes[end + 1] == 0x0a else {
      return bytes.count >= longestText ? .malformed : .needMore
    }
    let line = String(decoding: (0..<end).map { bytes[$0] }, as: UTF8.self)
    guard let header = header(line.split(separator: " ", omittingEmptySubsequences: false)) else { return .malformed }
    return .complete(header, length: end + 2)
  }

  private static func header(_ words: [Substring]) -> ProxyHeader? {
    guard words.count > 1 else { return nil }
    if words[1] == "UNKNOWN" { return ProxyHeader(source: nil, destination: nil) }
    guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6" else { return nil }
    let isSix = words[1] == "TCP6"
    guard let source = join(words[2], words[4], isSix), let destination = join(words[3], words[5], isSix) else {
      return nil
    }
    return ProxyHeader(source: source, destination: destination)
  }

  /// The characters of an address; whether it is one shows when it is used as one.
  private static func join(_ host: Substring, _ port: Substring, _ isSix: Bool) -> String? {
    guard !host.isEmpty, let number = UInt16(port), "\(number)" == port else { return nil }
    let allowed = isSix ? "0123456789abcdefABCDEF:." : "0123456789."
    guard host.allSatisfy({ allowed.contains($0) }), host.contains(isSix ? ":" : ".") else { return nil }
    return isSix ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  // MARK: Version 2

  private static func binary(_ bytes: Span<UInt8>) -> Parse {
    for i in 0..<min(bytes.count, signature.count) where bytes[i] != signature[i] { return .malformed }
    guard bytes.count >= 16 else { return .needMore }
    guard bytes[12] >> 4 == 2 else { return .malformed }
    let length = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
    guard length <= longestBinary else { return .malformed }
    guard bytes.count >= length else { return .needMore }
    switch bytes[12] & 15 {
    case 0: return .complete(ProxyHeader(source: nil, destination: nil), length: length)  // LOCAL
    case 1: break
    default: return .malformed
    }
    let content = bytes.extracting(16..<length)
    switch bytes[13] {
    case 0x11:
      guard content.count >= 12 else { return .malformed }
      let (from, to) = (port(content, 8), port(content, 10))
      return .complete(
        ProxyHeader(source: "\(v4(content, 0)):\(from)", destination: "\(v4(content, 4)):\(to)"), length: length)
    case 0x21:
      guard content.count >= 36 else { return .malformed }
      let (from, to) = (port(content, 32), port(content, 34))
      return .complete(
        ProxyHeader(source: "[\(v6(content, 0))]:\(from)", destination: "[\(v6(content, 16))]:\(to)"), length: length)
    default:
      // Unspecified, datagrams, local sockets: nothing that a TCP caller has.
      return .complete(ProxyHeader(source: nil, destination: nil), length: length)
    }
  }

  private static func port(_ bytes: Span<UInt8>, _ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }

  private static func v4(_ bytes: Span<UInt8>, _ at: Int) -> String {
    (at..<(at + 4)).map { String(bytes[$0]) }.joined(separator: ".")
  }

  /// Eight groups, none left out.
  private static func v6(_ bytes: Span<UInt8>, _ at: Int) -> String {
    stride(from: at, to: at + 16, by: 2).map { String(port(bytes, $0), radix: 16) }.joined(separator: ":")
  }
}
