import Serving
import SystemIO

/// Asks a source now and then, and at once when told that something may have changed: never two questions at a time, and one
/// more after the current when it was told meanwhile. Belongs to the discovery thread.
final class Repoll {
  private let context: NamerContext
  private let period: () -> Duration
  private let poll: (@escaping (_ hasAnswered: Bool) -> Void) -> HTTPCall
  private var backoff = Backoff()
  private var call: HTTPCall?
  private var timer: ServiceLoop.Timer?
  private var isAsking = false
  private var isAskedAgain = false
  private var isEnded = false

  /// - Parameters:
  ///   - period: between answers, when nothing is told.
  ///   - poll: asks once, and calls what it got when the answer has been dealt with.
  init(
    _ context: NamerContext, period: @escaping () -> Duration,
    poll: @escaping (@escaping (_ hasAnswered: Bool) -> Void) -> HTTPCall
  ) {
    self.context = context
    self.period = period
    self.poll = poll
  }

  /// Something may have changed.
  func ask() {
    guard !isEnded else { return }
    guard !isAsking else { isAskedAgain = true; return }
    stopTimer()
    isAsking = true
    isAskedAgain = false
    call = poll { [weak self] hasAnswered in self?.answered(hasAnswered) }
  }

  func end() {
    isEnded = true
    call?.cancel()
    stopTimer()
  }

  private func answered(_ hasAnswered: Bool) {
    call = nil
    isAsking = false
    guard !isEnded else { return }
    guard hasAnswered else { return wait(context.pause(&backoff)) }
    backoff.succeeded()
    isAskedAgain ? ask() : wait(period())
  }

  private func wait(_ pause: Duration) {
    stopTimer()
    timer = context.loop.schedule(after: pause) { [weak self] in
      self?.timer = nil
      self?.ask()
    }
  }

  private func stopTimer() {
    if let running = timer.take() { context.loop.cancel(running) }
  }
}
