/// Decides how a copy of somebody's collection stays up to date: list it, watch from where the list ended, go on from the last
/// event when a watch ends, list anew when that place is forgotten. Knows neither time nor network.
struct ListWatch {
  enum Step: Equatable {
    case list
    /// From this place of the source's history on.
    case watch(from: String)
    /// Ask `next()` again after that.
    case wait(Duration)
  }

  /// Watches in a row that broke, or ended at once, without a word, before the list is asked again. Why: a server may answer a
  /// place that it has forgotten with an empty success instead of an error.
  static let barrenLimit = 3

  private var cursor: String?
  private var backoff: Backoff
  private var barren = 0
  private var gone = 0

  init(backoff: Backoff = Backoff()) { self.backoff = backoff }

  /// What is to be done at the start and after each wait.
  func next() -> Step { cursor.map { .watch(from: $0) } ?? .list }

  /// The whole collection came; it ended at `place`.
  mutating func listed(_ place: String) -> Step {
    cursor = place
    return .watch(from: place)
  }

  mutating func listFailed(using random: inout some RandomNumberGenerator) -> Step {
    cursor = nil
    return .wait(backoff.failed(using: &random))
  }

  /// An event came; a watch that begins anew begins behind it.
  mutating func heard(_ place: String?) {
    if let place { cursor = place }
    succeeded()
  }

  /// The watch is over. `hasServed`: it told something or lasted.
  mutating func ended(hasServed: Bool, using random: inout some RandomNumberGenerator) -> Step {
    if hasServed {
      succeeded()
      return next()
    }
    return broke(using: &random)
  }

  /// The watch failed.
  mutating func broke(using random: inout some RandomNumberGenerator) -> Step {
    barren += 1
    if barren >= Self.barrenLimit {
      barren = 0
      cursor = nil
    }
    return .wait(backoff.failed(using: &random))
  }

  /// The source has forgotten the place. The first time the list is asked at once.
  mutating func forgotten(using random: inout some RandomNumberGenerator) -> Step {
    cursor = nil
    gone += 1
    return gone == 1 ? .list : .wait(backoff.failed(using: &random))
  }

  private mutating func succeeded() {
    barren = 0
    gone = 0
    backoff.succeeded()
  }
}
