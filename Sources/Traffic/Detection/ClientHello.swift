/// What a caller's ClientHello asks for in clear: the name (SNI, RFC 6066 §3) and the application protocols (ALPN, RFC 7301).
public struct ClientHello: Equatable, Sendable {
  /// The host, in lower case; empty when none was asked for.
  public private(set) var serverName = ""
  /// In the order of preference.
  public private(set) var applicationProtocols: [String] = []

  /// What the bytes so far come to.
  public enum Parse: Equatable, Sendable {
    case needMore
    case complete(ClientHello)
    /// The bytes are no ClientHello.
    case malformed
  }

  /// Bytes that a ClientHello with its records may have: more is malformed. 16 KiB, what libraries send is below 2 KiB.
  public static let limit = 16_384
  /// Application protocols that are read; further ones are passed over. 16.
  static let mostProtocols = 16

  /// Reads a ClientHello at the front of what a connection has brought; it may be spread over several records (RFC 8446 §5.1).
  public static func parse(_ bytes: Span<UInt8>) -> Parse {
    var message: [UInt8] = []
    var at = 0
    while true {
      guard at + 5 <= bytes.count else { return bytes.count > limit ? .malformed : .needMore }
      guard bytes[at] == 0x16, bytes[at + 1] == 3 else { return .malformed }
      let length = Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])
      guard length > 0, length <= 16_384, at + 5 + length <= limit else { return .malformed }
      let end = min(at + 5 + length, bytes.count)
      for i in (at + 5)..<max(end, at + 5) { message.append(bytes[i]) }
      if message.count >= 4 {
        guard message[0] == 1 else { return .malformed }
        let whole = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
        guard whole <= limit else { return .malformed }
        if message.count >= whole { return body(message.span.extracting(4..<whole)) }
      }
      guard at + 5 + length <= bytes.count else { return .needMore }
      at += 5 + length
    }
  }

  private static func body(_ bytes: Span<UInt8>) -> Parse {
    var reader = Reader(at: 0, end: bytes.count)
    guard reader.skip(2 + 32),  // version, random
      reader.skipVector(bytes, lengthBytes: 1),  // session
      reader.skipVector(bytes, lengthBytes: 2),  // cipher suites
      reader.skipVector(bytes, lengthBytes: 1)  // compression
    else { return .malformed }
    var hello = ClientHello()
    if reader.isAtEnd { return .complete(hello) }
    guard var extensions = reader.vector(bytes, lengthBytes: 2), reader.isAtEnd else { return .malformed }
    while !extensions.isAtEnd {
      guard let kind = extensions.number(bytes, 2), var content = extensions.vector(bytes, lengthBytes: 2) else {
        return .malformed
      }
      switch kind {
      case 0: guard hello.readName(bytes, &content) else { return .malformed }
      case 16: guard hello.readProtocols(bytes, &content) else { return .malformed }
      default: break
      }
    }
    return .complete(hello)
  }

  private mutating func readName(_ bytes: Span<UInt8>, _ content: inout Reader) -> Bool {
    guard var list = content.vector(bytes, lengthBytes: 2), content.isAtEnd else { return false }
    while !list.isAtEnd {
      guard let kind = list.number(bytes, 1), let name = list.vector(bytes, lengthBytes: 2) else { return false }
      if kind == 0 {
        guard serverName.isEmpty, (1...255).contains(name.end - name.at) else { return false }
        serverName = name.text(bytes).lowercased()
      }
    }
    return true
  }

  private mutating func readProtocols(_ bytes: Span<UInt8>, _ content: inout Reader) -> Bool {
    guard var list = content.vector(bytes, lengthBytes: 2), content.isAtEnd else { return false }
    while !list.isAtEnd {
      guard let name = list.vector(bytes, lengthBytes: 1), name.end > name.at else { return false }
      if applicationProtocols.count < Self.mostProtocols { applicationProtocols.append(name.text(bytes)) }
    }
    return true
  }
}

/// A part of a message that is still to be read. Lengths that lead out of it are faults.
private struct Reader {
  var at: Int
  let end: Int

  var isAtEnd: Bool { at == end }

  mutating func skip(_ count: Int) -> Bool {
    guard at + count <= end else { return false }
    at += count
    return true
  }

  mutating func number(_ bytes: Span<UInt8>, _ count: Int) -> Int? {
    guard at + count <= end else { return nil }
    var value = 0
    for i in at..<(at + count) { value = value << 8 | Int(bytes[i]) }
    at += count
    return value
  }

  mutating func vector(_ bytes: Span<UInt8>, lengthBytes: Int) -> Reader? {
    guard let length = number(bytes, lengthBytes), at + length <= end else { return nil }
    defer { at += length }
    return Reader(at: at, end: at + length)
  }

  mutating func skipVector(_ bytes: Span<UInt8>, lengthBytes: Int) -> Bool {
    vector(bytes, lengthBytes: lengthBytes) != nil
  }

  func text(_ bytes: Span<UInt8>) -> String { String(decoding: (at..<end).map { bytes[$0] }, as: UTF8.self) }
}
