import JSONFormat

/// Whose token it is.
public struct ServiceAccount: Hashable, Sendable {
  public let namespace: String
  public let name: String

  public init(namespace: String, name: String) { (self.namespace, self.name) = (namespace, name) }
}

/// Why a token proves nothing. The texts are for operators and have nothing of the token.
public enum TokenReviewFault: Error, Hashable, Sendable {
  /// The API server has judged: it has expired, is for another audience, is of a pod that is gone, or no service account's.
  case refused(String)
  /// The API server could not be asked, or not by us: to be tried again.
  case unavailable(String)
}

/// A TokenReview of `authentication.k8s.io/v1`: the question, and what the answer comes to. Pure.
enum TokenReview {
  static let target = "/apis/authentication.k8s.io/v1/tokenreviews"
  private static let longestReason = 300
  private static let accounts = "system:serviceaccount:"

  static func question(_ token: String, audience: String) -> JSON {
    [
      "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
      "spec": ["token": .string(token), "audiences": [.string(audience)]],
    ]
  }

  static func read(_ answer: Result<SourceAnswer, SourceFault>, to token: String, audience: String)
    -> Result<ServiceAccount, TokenReviewFault>
  {
    switch answer {
    case .success(let answer): return judge(answer.json, token: token, audience: audience)
    case .failure(let fault): return .failure(.unavailable(text(fault)))
    }
  }

  private static func judge(_ answer: JSON, token: String, audience: String)
    -> Result<ServiceAccount, TokenReviewFault>
  {
    guard let status = answer["status"] else {
      return .failure(.unavailable("the API server's answer is no TokenReview"))
    }
    guard status["authenticated"] == true else {
      return .failure(.refused(reason(status["error"]?.text ?? "", token)))
    }
    // A server that knows nothing of audiences passes over those asked for, and says so by leaving them out.
    guard (status["audiences"]?.items ?? []).contains(.string(audience)) else {
      return .failure(.refused("the token is not for the audience \(audience)"))
    }
    guard let account = account(status["user"]?["username"]?.text ?? "") else {
      return .failure(.refused("the token is no service account's"))
    }
    return .success(account)
  }

  /// `system:serviceaccount:<namespace>:<name>`; neither has a colon.
  private static func account(_ user: String) -> ServiceAccount? {
    guard user.hasPrefix(accounts) else { return nil }
    let parts = user.dropFirst(accounts.count).split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return ServiceAccount(namespace: String(parts[0]), name: String(parts[1]))
  }

  /// The server's words, without what they may have of the token.
  private static func reason(_ words: String, _ token: String) -> String {
    let text = String(words.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) }.prefix(longestReason))
    return text.isEmpty || text.contains(token) ? "the API server does not accept the token" : text
  }

  /// The answer's body is not quoted: it may have the question in it.
  private static func text(_ fault: SourceFault) -> String {
    switch fault.status {
    case nil: "the Kubernetes API server cannot be asked: \(fault)"
    case 401: "the Kubernetes API server does not accept the controller's own credentials (401)"
    case 403:
      "the Kubernetes API server lets the controller review no tokens (403): it needs the ClusterRole system:auth-delegator"
    case let status?: "the Kubernetes API server answers \(status)"
    }
  }
}
