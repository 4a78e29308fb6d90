import MeshProtocol
import Serving
import Synchronization

/// The answer that somebody waits for; it comes exactly once, and as pending when discovery ends before.
final class LookAnswer: Sendable {
  private let name: Path
  private let waiting: Mutex<CheckedContinuation<DiscoveredName, Never>?>

  init(_ name: Path, _ continuation: CheckedContinuation<DiscoveredName, Never>) {
    self.name = name
    waiting = Mutex(continuation)
  }

  deinit { give(DiscoveredName(name: name, version: 0, state: .pending, id: name)) }

  func give(_ state: DiscoveredName) { waiting.withLock { $0.take() }?.resume(returning: state) }
}

/// One question under way: it ends with its first answer or with its time.
final class Look {
  private var answer: LookAnswer?
  var watch: (any NamerWatch)?
  var timer: ServiceLoop.Timer?
  var cancelTimer: (ServiceLoop.Timer) -> Void = { _ in }

  init(_ answer: LookAnswer) { self.answer = answer }

  var isDone: Bool { answer == nil }

  func finish(_ state: DiscoveredName) {
    answer?.give(state)
    answer = nil
    end()
  }

  /// Lets go of name and timer; the answer may come before they are known.
  func end() {
    watch?.cancel()
    watch = nil
    if let timer { cancelTimer(timer) }
    timer = nil
  }
}
