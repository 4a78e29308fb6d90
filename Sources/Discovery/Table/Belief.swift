import SystemIO

/// What is believed of one watched name, from what its source says. The rules:
///
/// - What binds is believed at once.
/// - A failure changes nothing but the reason, once the source has ever answered.
/// - "No endpoints" and "no such name", of a name that has endpoints, are believed only when they stand for the grace
///   without another word: an answer with endpoints, or a failure, begins it anew. Sources have such moments when they
///   restart, lose their peers or are reconfigured, and the endpoints mostly still serve.
struct Belief {
  enum Answer: Hashable {
    case pending
    case negative(String)
    case failed(String)
    case bound(BoundName)
  }

  private(set) var answer: Answer = .pending
  /// Why a bound or negative answer is not fresh; empty when it is.
  private(set) var staleness = ""
  /// What the source says and is not believed yet, and from when on it is.
  private(set) var doubt: (finding: Finding, until: Instant)?

  /// Whether what proxies are told has changed.
  enum Change {
    case none
    /// Only the text of why it is not fresh: to be shown, not to be told.
    case wording
    case told
  }

  init() {}

  /// Takes over what was believed of the name before its namer changed; not fresh until the new one answers.
  init(inherited answer: Answer) {
    guard case .bound = answer else { return }
    self.answer = answer
    staleness = "its namer is configured anew and has not answered yet"
  }

  private var hasEndpoints: Bool {
    if case .bound(let bound) = answer { return !bound.endpoints.isEmpty }
    return false
  }

  private var isAnswered: Bool {
    switch answer {
    case .bound, .negative: true
    case .pending, .failed: false
    }
  }

  mutating func receive(_ finding: Finding, at now: Instant, grace: Duration) -> Change {
    switch finding {
    case .failed(let reason): return fail(reason)
    case .bound(let bound) where !bound.endpoints.isEmpty: return believe(.bound(bound))
    case .bound, .negative: break
    }
    guard hasEndpoints, grace > .zero else { return believe(Answer(finding)) }
    doubt = (finding, doubt?.until ?? now + grace)
    return mark(Self.doubtText(finding))
  }

  /// Believes what has stood for the grace.
  mutating func wake(at now: Instant) -> Change {
    guard let doubt, doubt.until <= now else { return .none }
    return believe(Answer(doubt.finding))
  }

  private mutating func believe(_ new: Answer) -> Change {
    doubt = nil
    let isSame = answer == new && staleness.isEmpty
    answer = new
    staleness = ""
    return isSame ? .none : .told
  }

  private mutating func fail(_ reason: String) -> Change {
    // A source that cannot be asked says nothing about the name: not even that it is empty.
    doubt = nil
    if isAnswered { return mark(reason) }
    let isFirst = answer == .pending
    answer = .failed(reason)
    return isFirst ? .told : .wording
  }

  private mutating func mark(_ text: String) -> Change {
    defer { staleness = text }
    if staleness == text { return .none }
    return staleness.isEmpty ? .told : .wording
  }

  private static func doubtText(_ finding: Finding) -> String {
    if case .negative(let reason) = finding { return "not believed yet: \(reason)" }
    return "not believed yet: the source lists no endpoint"
  }
}

extension Belief.Answer {
  fileprivate init(_ finding: Finding) {
    switch finding {
    case .bound(let bound): self = .bound(bound)
    case .negative(let reason): self = .negative(reason)
    case .failed(let reason): self = .failed(reason)
    }
  }
}
