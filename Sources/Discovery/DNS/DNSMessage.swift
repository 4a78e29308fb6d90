/// Kinds of records that are asked for or looked at (RFC 1035 §3.2.2, RFC 3596, RFC 2782).
enum RecordType: UInt16, Sendable {
  case a = 1
  case cname = 5
  case soa = 6
  case aaaa = 28
  case srv = 33
  case opt = 41
}

/// What is asked.
struct DNSQuestion: Hashable, Sendable {
  let name: HostName
  let type: RecordType

  /// The largest UDP answer that is asked for: what crosses every link unfragmented (DNS flag day 2020).
  static let datagramSize = 1232

  /// The query as it goes over UDP; recursion is desired.
  /// - Parameter isExtended: With EDNS0 (RFC 6891), which a few old servers refuse.
  func encoded(id: UInt16, isExtended: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    for word in [id, 0x0100, 1, 0, 0, isExtended ? 1 : 0] as [UInt16] { bytes.append(word) }
    bytes.append(name)
    bytes.append(type.rawValue)
    bytes.append(1 as UInt16)
    if isExtended {
      bytes.append(0 as UInt8)
      for word in [RecordType.opt.rawValue, UInt16(Self.datagramSize), 0, 0, 0] { bytes.append(word) }
    }
    return bytes
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ word: UInt16) {
    append(UInt8(truncatingIfNeeded: word >> 8))
    append(UInt8(truncatingIfNeeded: word))
  }

  fileprivate mutating func append(_ name: HostName) {
    for label in name.labels {
      append(UInt8(truncatingIfNeeded: label.utf8.count))
      append(contentsOf: label.utf8)
    }
    append(0 as UInt8)
  }
}

/// A record of a type that matters here.
struct DNSRecord: Hashable, Sendable {
  enum Content: Hashable, Sendable {
    /// Numeric, without brackets.
    case address(String)
    case alias(HostName)
    case service(priority: UInt16, weight: UInt16, port: UInt16, target: HostName?)
    /// Of a start of authority: for how many seconds "no" holds (RFC 2308).
    case negativeTTL(UInt32)
  }

  /// Nil when it is none that could be asked for.
  let owner: HostName?
  let type: UInt16
  let ttl: UInt32
  let content: Content
}

/// A response, taken apart.
struct DNSMessage: Sendable {
  let id: UInt16
  let isTruncated: Bool
  let code: UInt8
  let question: DNSQuestion?
  let answers: [DNSRecord]
  let authority: [DNSRecord]
}
