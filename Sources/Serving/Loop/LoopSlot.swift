import Memory
import SystemIO

/// Holds a kind while its source is being made: a source needs its kind before it exists.
final class LoopSlot: LoopSource {
  func ready(_ handle: Handle, _ readiness: Readiness) {}
  func expired(_ handle: Handle) {}
  func edge() {}
  func loopEnded() {}
}
