import Synchronization
import SystemIO

/// What all simulated proxies saw, counted by the threads they live on.
final class Tally: Sendable {
  struct State {
    var connected = 0
    var synced = 0
    var failed = 0
    var disconnected = 0
    var desynced = 0
    var bytes: UInt64 = 0
    var messages: UInt64 = 0
    /// The first few reasons of failures, for people.
    var reasons: [String] = []
    /// When a proxy answered, by the revision it answered.
    var answers: [UInt64: [Instant]] = [:]
    /// Proxies that answered this revision or were on it at Hello, for the first synchronisation.
    var firstAnswer: Instant?
    var lastAnswer: Instant?
  }

  private let state = Mutex(State())

  func read<Value: Sendable>(_ body: (State) -> Value) -> Value { state.withLock { body($0) } }

  func connected() { state.withLock { $0.connected += 1 } }
  func synced() { state.withLock { $0.synced += 1 } }
  func desynced() { state.withLock { $0.desynced += 1 } }
  func received(bytes: Int) {
    state.withLock {
      $0.bytes += UInt64(bytes)
      $0.messages += 1
    }
  }
  func failed(_ reason: String) {
    state.withLock {
      $0.failed += 1
      Self.note(reason, &$0)
    }
  }
  func disconnected(_ reason: String) {
    state.withLock {
      $0.disconnected += 1
      Self.note(reason, &$0)
    }
  }
  func ended(_ reason: String) { state.withLock { Self.note(reason, &$0) } }
  func applied(_ revision: UInt64, at moment: Instant) {
    state.withLock { state in
      state.answers[revision, default: []].append(moment)
      if state.firstAnswer == nil { state.firstAnswer = moment }
      state.lastAnswer = moment
    }
  }

  /// How many proxies answered a revision or a later one since `start`.
  func answered(_ revision: UInt64) -> Int {
    state.withLock { state in state.answers.reduce(0) { $1.key >= revision ? max($0, $1.value.count) : $0 } }
  }

  private static func note(_ reason: String, _ state: inout State) {
    if state.reasons.count < 5, !state.reasons.contains(reason) { state.reasons.append(reason) }
  }
}
