import Discovery
import Synchronization

/// Whose service-account token a proxy shows, as the cluster's API server judges it. Used from every thread.
final class AccountReviews: Sendable {
  typealias Review = @Sendable (String) async -> Result<ServiceAccount, TokenReviewFault>

  /// For whom tokens must be.
  let audience: String
  private let review: Review
  private let last = Mutex<String?>(nil)

  /// - Parameter review: asks; for tests another than the API server.
  init(audience: String, review: @escaping Review) {
    self.audience = audience
    self.review = review
  }

  /// Why the API server could not be asked the last time; nil when it could, or was never asked.
  var failure: String? { last.withLock { $0 } }

  func account(of token: String) async -> Result<ServiceAccount, SignRefusal> {
    let result = await review(token)
    last.withLock { last in if case .failure(.unavailable(let reason)) = result { last = reason } else { last = nil } }
    return result.mapError { fault in
      switch fault {
      case .refused(let reason): .kubernetesToken(reason)
      case .unavailable(let reason): .kubernetesAway(reason)
      }
    }
  }
}

/// How service-account tokens are judged.
struct KubernetesReviewSettings: Hashable, Sendable {
  var access: KubernetesAccess
  /// For whom tokens must be, so that one for somebody else lets nobody in.
  var audience: String
}
