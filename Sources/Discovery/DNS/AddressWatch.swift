import SystemIO

/// What is known of one host's addresses.
enum HostState: Equatable {
  /// Numeric; empty when the name has none.
  case addresses([String])
  case unknown(String)
  case failed(String)
}

/// A and AAAA of one host, watched together.
final class AddressWatch: NamerWatch {
  private var four: Result<DNSAnswer, DNSFailure>?
  private var six: Result<DNSAnswer, DNSFailure>?
  private var watches: [RecordWatch] = []
  private let tell: (HostState) -> Void

  /// - Parameter asksForIPv6: False = A alone.
  init(
    _ client: DNSClient, _ context: NamerContext, _ policy: TTLPolicy, _ name: HostName, isAbsolute: Bool,
    asksForIPv6: Bool, _ tell: @escaping (HostState) -> Void
  ) {
    self.tell = tell
    if !asksForIPv6 { six = .success(DNSAnswer(outcome: .noData, ttl: nil)) }
    watches = [
      RecordWatch(client, context, policy, name, isAbsolute: isAbsolute, .a) { [weak self] in self?.heard(four: $0) }
    ]
    guard asksForIPv6 else { return }
    watches.append(
      RecordWatch(client, context, policy, name, isAbsolute: isAbsolute, .aaaa) { [weak self] in self?.heard(six: $0) })
  }

  func cancel() { for watch in watches { watch.cancel() } }

  private func heard(four result: Result<DNSAnswer, DNSFailure>) {
    four = Self.kept(result, four)
    say(result)
  }

  private func heard(six result: Result<DNSAnswer, DNSFailure>) {
    six = Self.kept(result, six)
    say(result)
  }

  /// A failure does not take away what the same question once said.
  private static func kept(
    _ new: Result<DNSAnswer, DNSFailure>, _ old: Result<DNSAnswer, DNSFailure>?
  ) -> Result<DNSAnswer, DNSFailure> {
    if case .failure = new, case .success = old { return old ?? new }
    return new
  }

  private func say(_ latest: Result<DNSAnswer, DNSFailure>) {
    guard let four, let six else { return }
    // Told as failed also when something is known: the table keeps that and shows why it is old.
    if case .failure(let failure) = latest { return tell(.failed("\(failure)")) }
    let addresses = Self.addresses(four) + Self.addresses(six)
    if !addresses.isEmpty { return tell(.addresses(addresses)) }
    for result in [four, six] { if case .failure(let failure) = result { return tell(.failed("\(failure)")) } }
    if case .success(let answer) = four, answer.outcome == .noSuchName {
      return tell(.unknown("no such name (NXDOMAIN)"))
    }
    tell(.unknown("the name has no addresses"))
  }

  private static func addresses(_ result: Result<DNSAnswer, DNSFailure>) -> [String] {
    guard case .success(let answer) = result, case .records(let records) = answer.outcome else { return [] }
    return records.compactMap { record in
      guard case .address(let address) = record else { return nil }
      return address
    }
  }
}
