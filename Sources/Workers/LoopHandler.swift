import SystemIO

/// What an event loop drives. All four are called on the loop's thread, one at a time; each may schedule, cancel, add
/// and remove.
///
/// Within one turn an event may concern something that an earlier event of the same turn closed: tokens must be
/// recognised as stale (see `Memory.Handle`).
public protocol LoopHandler: AnyObject {
  /// The descriptor added with `token` is ready.
  func ready(_ token: UInt64, _ readiness: Readiness)
  /// The timer scheduled with `token` fired.
  func expired(_ token: UInt64)
  /// The waker was used since the last call: drain the mailboxes. Several uses may make one call.
  func woken()
  /// Once a turn, after its events and timers and before sleeping: the loop's edge.
  func edge()
}
