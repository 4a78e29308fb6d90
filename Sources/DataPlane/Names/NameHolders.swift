import SystemIO

/// Who needs a concrete name, and since when nobody does.
struct NameHolders {
  /// A name that nobody holds is given back after this: a swap or a restart of a binding must not cost a first answer.
  static let linger = Duration.seconds(60)

  /// Workers that asked and did not release.
  private(set) var workers: Set<Int> = []
  /// Since when nobody holds it; a name that is about to be used counts from its announcement.
  private(set) var unheldSince: Instant?

  /// Held by nobody yet, and to be given back unless that changes.
  init(announcedAt now: Instant) { unheldSince = now }

  /// A worker needs the name.
  mutating func add(_ worker: Int) {
    workers.insert(worker)
    unheldSince = nil
  }

  /// A worker has no more use for it.
  mutating func remove(_ worker: Int, at now: Instant) {
    guard workers.remove(worker) != nil, workers.isEmpty else { return }
    unheldSince = now
  }

  /// Of a name that nobody holds, the time counts from now on.
  mutating func renew(at now: Instant) {
    if unheldSince != nil { unheldSince = now }
  }

  /// Whether nobody has held it for long.
  func isForgotten(at now: Instant) -> Bool { unheldSince.map { now - $0 >= Self.linger } ?? false }
}
