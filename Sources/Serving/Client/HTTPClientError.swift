/// Why a request got no whole answer.
public enum HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The name has no address, or nobody listens there.
  case unreachable(String)
  /// Nobody accepted, or nothing came, for so long.
  case timeout(String)
  /// The answer is no HTTP, was cut short or is above a limit.
  case malformed(String)
  /// The request itself cannot be sent: a method, target or field with characters that may not stand there.
  case invalidRequest(String)

  public var description: String {
    switch self {
    case .unreachable(let text), .timeout(let text), .malformed(let text), .invalidRequest(let text): text
    }
  }
}
