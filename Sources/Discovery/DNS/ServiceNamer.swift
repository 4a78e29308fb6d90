import MeshProtocol
import SystemIO

/// SRV records (RFC 2782): the targets of the lowest priority, weighted, each resolved to addresses by the same servers.
final class ServiceNamer: Namer {
  let segments: Int? = 1
  private let settings: DNSSettings
  private let context: NamerContext
  private let client: DNSClient
  private let usesIPv6: Bool

  init(_ settings: DNSSettings, _ context: NamerContext) {
    self.settings = settings
    self.context = context
    client = settings.client(context)
    usesIPv6 = settings.usesIPv6
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    guard let text = name.segments.first?.text, let service = HostName(text) else {
      tell(.negative("\(name) is no name of a service"))
      return EndedWatch()
    }
    return ServiceWatch(client, context, settings.policy, service, hosts: hosts, tell)
  }

  private var hosts: HostWatcher {
    { [client, context, settings, usesIPv6] host, _, tell in
      AddressWatch(client, context, settings.policy, host, isAbsolute: true, asksForIPv6: usesIPv6, tell)
    }
  }
}

/// The SRV records of one name and the addresses of their targets.
private final class ServiceWatch: NamerWatch {
  private let hosts: HostWatcher
  private var tell: ((Finding) -> Void)?
  private var records: RecordWatch?
  private var targets: TargetSet?

  init(
    _ client: DNSClient, _ context: NamerContext, _ policy: TTLPolicy, _ name: HostName, hosts: @escaping HostWatcher,
    _ tell: @escaping (Finding) -> Void
  ) {
    self.hosts = hosts
    self.tell = tell
    records = RecordWatch(client, context, policy, name, isAbsolute: true, .srv) { [weak self] in
      self?.heard($0, name)
    }
  }

  func cancel() {
    tell = nil
    records?.cancel()
    targets?.end()
  }

  private func heard(_ result: Result<DNSAnswer, DNSFailure>, _ name: HostName) {
    switch result {
    case .failure(let failure): tell?(.failed("\(name): \(failure)"))
    case .success(let answer):
      guard case .records(let records) = answer.outcome else {
        targets?.end()
        targets = nil
        let isUnknown = answer.outcome == .noSuchName
        tell?(.negative("\(name): \(isUnknown ? "no such name (NXDOMAIN)" : "the name has no SRV records")"))
        return
      }
      follow(ServiceRecords(records).targets)
    }
  }

  private func follow(_ wanted: [Target]) {
    if let targets, targets.targets == wanted { return targets.say() }
    let set = TargetSet(wanted, hosts)
    // The old ones are ended after the new ones began, and are shown until these have answered.
    let old = targets
    targets = set
    set.begin { [weak self] in self?.tell?($0.finding(taken: 1)) }
    old?.end()
  }
}

/// The records that count, as targets.
struct ServiceRecords {
  /// Share of a weight of 0 beside others: RFC 2782 wants it picked rarely, not never.
  static let leastWeight = 0.1

  let targets: [Target]

  init(_ records: [DNSRecord.Content]) {
    var found: [(priority: UInt16, weight: UInt16, port: UInt16, host: HostName)] = []
    for record in records {
      // A target of "." says that there is no such service, a port of 0 nothing of use.
      if case .service(let priority, let weight, let port, let target?) = record, port > 0 {
        found.append((priority, weight, port, target))
      }
    }
    let least = found.map(\.priority).min()
    let group = found.filter { $0.priority == least }
    let hasWeights = group.contains { $0.weight > 0 }
    targets = group.map { record in
      let weight = hasWeights ? max(Self.leastWeight, Double(record.weight)) : 1
      return Target(record.host, port: record.port, weight: weight)
    }.sorted { ($0.hostText, $0.port, $0.weight) < ($1.hostText, $1.port, $1.weight) }
  }
}
