import Synchronization

/// What was kept on disk, on its way from the thread that read it to the control thread. Taken once: what starts a proxy
/// lives as long as the proxy, and should not hold a configuration that may have been replaced long ago.
final class RestoredState: Sendable {
  private let state: Mutex<KeptState?>

  init(_ state: KeptState?) { self.state = Mutex(state) }

  /// What was kept, the first time; nil later, and when there was nothing.
  func take() -> KeptState? { state.withLock { $0.take() } }
}
