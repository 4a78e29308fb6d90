/// What the process answers its caller with; the same codes for all programs of Heddle.
public enum ProgramExit: Int32, Sendable {
  case done = 0
  /// A check found a fault, or the controller or a proxy rejected the request.
  case failed = 1
  case usage = 2
  case unreachable = 3
  /// Someone else changed the same thing, or it is in the way (409, 412).
  case conflict = 4
  case timedOut = 5
}
