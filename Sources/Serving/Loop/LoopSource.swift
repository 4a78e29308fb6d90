import Memory
import SystemIO

/// Something that owns descriptors and timers on a `ServiceLoop`: a server, a client. Its tokens carry the kind that
/// `ServiceLoop.attach` gave it in the top byte and one of its own handles below.
protocol LoopSource: AnyObject {
  /// A descriptor is ready. The handle may be stale: look before use.
  func ready(_ handle: Handle, _ readiness: Readiness)
  /// A timer fired.
  func expired(_ handle: Handle)
  /// The turn's events are done: write what they produced, once.
  func edge()
  /// The loop has stopped for good: close everything.
  func loopEnded()
}
