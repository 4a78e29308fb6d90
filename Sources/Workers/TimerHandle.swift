/// Names a scheduled timer. One that fired or was cancelled matches nothing any more.
public struct TimerHandle: Hashable, Sendable {
  let index: Int32
  let generation: UInt32

  /// Matches no timer.
  public static var none: TimerHandle { TimerHandle(index: -1, generation: 0) }
}
