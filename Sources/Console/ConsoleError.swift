/// Why a command ended without having done what was asked. Each case knows its exit status.
public enum ConsoleError: Error, Equatable, Sendable {
  case usage(String)
  case unreachable(String)
  case timedOut(String)
  case failed(String)
  /// Someone else changed the same thing.
  case conflict(String)
  case refused(Problem)

  public var status: ProgramExit {
    switch self {
    case .usage: .usage
    case .unreachable: .unreachable
    case .timedOut: .timedOut
    case .failed: .failed
    case .conflict: .conflict
    case .refused(let problem): problem.exitStatus
    }
  }
}
