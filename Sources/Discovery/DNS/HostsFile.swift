import SystemIO

/// hosts(5): addresses with the names that this machine's owner gave them.
struct HostsFile {
  /// For how many seconds its answers hold: it may be edited.
  static let ttl: UInt32 = 5

  private var addresses: [HostName: [String]] = [:]

  init(parsing bytes: [UInt8]) {
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let words = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
        .split { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let first = words.first, let address = SocketAddress(host: String(first), port: 0) else { continue }
      for name in words.dropFirst().compactMap({ HostName(String($0)) }) {
        addresses[name, default: []].append(address.host)
      }
    }
  }

  /// Nil when the servers are to be asked. `localhost` is never theirs to answer (RFC 6761 §6.3).
  func answer(_ name: HostName, _ type: RecordType) -> DNSAnswer? {
    guard type == .a || type == .aaaa else { return nil }
    let known = addresses[name] ?? (name.labels.last == "localhost" ? ["127.0.0.1"] : [])
    if known.isEmpty { return nil }
    let wanted = known.filter { $0.utf8.contains(UInt8(ascii: ":")) == (type == .aaaa) }
    let outcome: DNSAnswer.Outcome = wanted.isEmpty ? .noData : .records(wanted.map { .address($0) })
    return DNSAnswer(outcome: outcome, ttl: Self.ttl)
  }
}
