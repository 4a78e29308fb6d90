import Serving
import Synchronization

/// Carries notices from the workers to the control side, which begins after them: what comes before is kept.
final class NoticeRelay: Sendable {
  private enum State {
    case waiting([WorkerNotice])
    case connected(Confined<ProxyControl>)
  }

  private let state = Mutex(State.waiting([]))

  /// From any worker's thread.
  func post(_ notice: WorkerNotice) {
    let control = state.withLock { state -> Confined<ProxyControl>? in
      switch state {
      case .connected(let control): return control
      case .waiting(let notices):
        state = .waiting(notices + [notice])
        return nil
      }
    }
    control?.execute { $0.take(notice) }
  }

  /// Delivers what was kept and everything from now on.
  func connect(_ control: Confined<ProxyControl>) {
    state.withLock { state in
      if case .waiting(let notices) = state {
        // Inside the lock, so that no later notice overtakes these.
        control.execute { control in notices.forEach { control.take($0) } }
      }
      state = .connected(control)
    }
  }
}
