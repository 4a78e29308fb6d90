import Serving
import SystemIO

/// How long answers are taken for true.
struct TTLPolicy: Hashable, Sendable {
  /// Why: a TTL of 0 must not become a question without pause.
  var floor: Duration = .seconds(1)
  /// Why: a record with a TTL of a day that was changed in need must be seen before the day is over.
  var ceiling: Duration = .seconds(300)
  /// For "no" without a time of its own, and the longest for any "no": something that is missed is asked for often.
  var negative: Duration = .seconds(5)
  var negativeCeiling: Duration = .seconds(30)

  func pause(after answer: DNSAnswer) -> Duration {
    if case .records = answer.outcome { return max(floor, min(.seconds(Int64(answer.ttl ?? 0)), ceiling)) }
    return max(floor, min(answer.ttl.map { .seconds(Int64($0)) } ?? negative, negativeCeiling))
  }
}

/// One question asked again and again: when its answer's time is over, and after failures with back-off.
final class RecordWatch {
  private let client: DNSClient
  private let context: NamerContext
  private let policy: TTLPolicy
  private let name: HostName
  private let isAbsolute: Bool
  private let type: RecordType
  private var tell: ((Result<DNSAnswer, DNSFailure>) -> Void)?
  private var call: DNSCall?
  private var timer: ServiceLoop.Timer?
  private var backoff = Backoff(first: .milliseconds(500))

  init(
    _ client: DNSClient, _ context: NamerContext, _ policy: TTLPolicy, _ name: HostName, isAbsolute: Bool,
    _ type: RecordType, _ tell: @escaping (Result<DNSAnswer, DNSFailure>) -> Void
  ) {
    self.client = client
    self.context = context
    self.policy = policy
    self.name = name
    self.isAbsolute = isAbsolute
    self.type = type
    self.tell = tell
    ask()
  }

  func cancel() {
    tell = nil
    call?.cancel()
    call = nil
    if let timer { context.loop.cancel(timer) }
    timer = nil
  }

  private func ask() {
    call = client.ask(name, isAbsolute: isAbsolute, type) { [weak self] in self?.answered($0) }
  }

  private func answered(_ result: Result<DNSAnswer, DNSFailure>) {
    call = nil
    let pause: Duration
    switch result {
    case .success(let answer):
      backoff.succeeded()
      context.counters.answered(at: context.now)
      pause = policy.pause(after: answer)
    case .failure: pause = context.pause(&backoff)
    }
    timer = context.loop.schedule(after: pause) { [weak self] in self?.ask() }
    tell?(result)
  }
}
