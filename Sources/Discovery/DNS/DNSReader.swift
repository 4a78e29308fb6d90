import SystemIO

/// A response that cannot be read.
struct DNSMalformed: Error, Equatable {
  let problem: String
}

extension DNSMessage {
  /// Reads a response (RFC 1035 §4). Records of other types and classes are passed over; the additional section is not
  /// looked at.
  init(decoding bytes: [UInt8]) throws(DNSMalformed) {
    var reader = DNSReader(bytes)
    id = try reader.word()
    let flags = try reader.word()
    guard flags & 0x8000 != 0, flags & 0x7800 == 0 else { throw DNSMalformed(problem: "not a response") }
    isTruncated = flags & 0x0200 != 0
    code = UInt8(flags & 0x000f)
    let counts = (try reader.word(), try reader.word(), try reader.word())
    _ = try reader.word()
    guard counts.0 <= 1 else { throw DNSMalformed(problem: "\(counts.0) questions") }
    question = counts.0 == 1 ? try reader.question() : nil
    // What is cut short holds as many records as it holds.
    if isTruncated {
      answers = []
      authority = []
    } else {
      answers = try reader.records(counts.1)
      authority = try reader.records(counts.2)
    }
  }
}

/// Reads along a message; every read is checked.
private struct DNSReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  private static let short = DNSMalformed(problem: "cut short")

  mutating func byte() throws(DNSMalformed) -> UInt8 {
    guard offset < bytes.count else { throw Self.short }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func word() throws(DNSMalformed) -> UInt16 { UInt16(try byte()) << 8 | UInt16(try byte()) }
  mutating func long() throws(DNSMalformed) -> UInt32 { UInt32(try word()) << 16 | UInt32(try word()) }

  /// Nil for the root, and for names that no host has.
  mutating func name() throws(DNSMalformed) -> HostName? {
    var labels: [String] = []
    var length = 1
    var isHost = true
    var position = offset
    var hasJumped = false
    // Each pointer must lead before all that was read of this name: so there can be no loop.
    var floor = offset
    while true {
      guard position < bytes.count else { throw Self.short }
      let count = Int(bytes[position])
      switch count & 0xc0 {
      case 0 where count == 0:
        if !hasJumped { offset = position + 1 }
        return isHost && !labels.isEmpty ? HostName(labels: labels) : nil
      case 0:
        guard position + 1 + count <= bytes.count else { throw Self.short }
        length += count + 1
        guard length <= 255 else { throw DNSMalformed(problem: "a name of more than 255 bytes") }
        let label = bytes[(position + 1)..<(position + 1 + count)]
        isHost = isHost && label.allSatisfy(HostName.isNameByte)
        labels.append(String(decoding: label, as: UTF8.self).lowercased())
        position += 1 + count
      case 0xc0:
        guard position + 1 < bytes.count else { throw Self.short }
        let target = (count & 0x3f) << 8 | Int(bytes[position + 1])
        guard target < floor else { throw DNSMalformed(problem: "a name that leads in a circle") }
        if !hasJumped { offset = position + 2 }
        hasJumped = true
        floor = target
        position = target
      default: throw DNSMalformed(problem: "a label of unknown kind")
      }
    }
  }

  mutating func question() throws(DNSMalformed) -> DNSQuestion? {
    let name = try name()
    let type = RecordType(rawValue: try word())
    let isInternet = try word() == 1
    guard let name, let type, isInternet else { return nil }
    return DNSQuestion(name: name, type: type)
  }

  mutating func records(_ count: UInt16) throws(DNSMalformed) -> [DNSRecord] {
    var records: [DNSRecord] = []
    for _ in 0..<count { if let record = try record() { records.append(record) } }
    return records
  }

  private mutating func record() throws(DNSMalformed) -> DNSRecord? {
    let owner = try name()
    let type = try word()
    let isInternet = try word() == 1
    let ttl = try long()
    let length = Int(try word())
    guard offset + length <= bytes.count else { throw Self.short }
    let end = offset + length
    defer { offset = end }
    guard isInternet, let known = RecordType(rawValue: type), let content = try content(known, end) else { return nil }
    // RFC 2181 §8: a time with its highest bit set counts as none.
    return DNSRecord(owner: owner, type: type, ttl: ttl >> 31 == 1 ? 0 : ttl, content: content)
  }

  private mutating func content(_ type: RecordType, _ end: Int) throws(DNSMalformed) -> DNSRecord.Content? {
    defer { offset = end }
    let content: DNSRecord.Content?
    switch type {
    case .a: content = end - offset == 4 ? .address(bytes[offset..<end].map { "\($0)" }.joined(separator: ".")) : nil
    case .aaaa: content = end - offset == 16 ? .address(Self.ipv6(bytes[offset..<end])) : nil
    case .cname: content = try name().map { .alias($0) }
    case .srv:
      let (priority, weight, port) = (try word(), try word(), try word())
      content = .service(priority: priority, weight: weight, port: port, target: try name())
    case .soa:
      _ = try name()
      _ = try name()
      for _ in 0..<4 { _ = try long() }
      content = .negativeTTL(try long())
    case .opt: content = nil
    }
    guard offset <= end || content == nil || type == .a || type == .aaaa else {
      throw DNSMalformed(problem: "a record longer than it says")
    }
    return content
  }

  private static func ipv6(_ bytes: ArraySlice<UInt8>) -> String {
    let groups = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map { index in
      String(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1]), radix: 16)
    }
    let text = groups.joined(separator: ":")
    return SocketAddress(host: text, port: 0)?.host ?? text
  }
}
