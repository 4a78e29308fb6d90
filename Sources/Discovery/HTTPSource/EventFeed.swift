import Serving
import SystemIO

/// Keeps a stream of events open. It says when a stream begins, for what happened before is not told again, and hands over the
/// bytes. Belongs to the discovery thread.
final class EventFeed {
  private let context: NamerContext
  private let open: (@escaping (SourceEvent) -> Void) -> HTTPCall
  private let began: () -> Void
  /// False when the bytes make no sense: the stream is begun anew.
  private let take: ([UInt8]) -> Bool
  private var backoff = Backoff()
  private var call: HTTPCall?
  private var timer: ServiceLoop.Timer?
  private var isEnded = false
  /// A stream stands: events are told.
  private(set) var isOpen = false

  init(
    _ context: NamerContext, open: @escaping (@escaping (SourceEvent) -> Void) -> HTTPCall,
    began: @escaping () -> Void, take: @escaping ([UInt8]) -> Bool
  ) {
    self.context = context
    self.open = open
    self.began = began
    self.take = take
  }

  func start() {
    guard !isEnded else { return }
    call = open { [weak self] in self?.heard($0) }
  }

  func end() {
    isEnded = true
    isOpen = false
    call?.cancel()
    if let timer { context.loop.cancel(timer) }
  }

  private func heard(_ event: SourceEvent) {
    guard !isEnded else { return }
    switch event {
    case .open:
      isOpen = true
      began()
    case .bytes(let piece):
      backoff.succeeded()
      if !take(piece) {
        call?.cancel()
        again()
      }
    case .ended, .failed: again()
    }
  }

  private func again() {
    guard !isEnded else { return }
    isOpen = false
    context.counters.failed()
    timer = context.loop.schedule(after: context.pause(&backoff)) { [weak self] in self?.start() }
  }
}
