import Discovery
import Synchronization
import SystemIO

/// Whose service-account token a proxy shows, as the cluster's API server judges it. Used from every thread.
final class AccountReviews: Sendable {
  typealias Review = @Sendable (String) async -> Result<ServiceAccount, TokenReviewFault>

  /// For whom tokens must be.
  let audience: String
  private let review: Review
  private let last = Mutex<(reason: String, at: Instant)?>(nil)
  /// How long a failure is news. Why: a proxy tries again within a minute, so that after this nobody is waiting any more.
  private static let memory = Duration.seconds(600)

  /// - Parameter review: asks; for tests another than the API server.
  init(audience: String, review: @escaping Review) {
    self.audience = audience
    self.review = review
  }

  /// Why the API server could not be asked the last time; nil when it could, or was not asked lately.
  func failure(at now: Instant) -> String? {
    last.withLock { last in last.flatMap { now - $0.at < Self.memory ? $0.reason : nil } }
  }

  func account(of token: String, at now: Instant) async -> Result<ServiceAccount, SignRefusal> {
    let result = await review(token)
    last.withLock { last in
      if case .failure(.unavailable(let reason)) = result { last = (reason, now) } else { last = nil }
    }
    return result.mapError { fault in
      switch fault {
      case .refused(let reason): .kubernetesToken(reason)
      case .unavailable(let reason): .kubernetesAway(reason)
      }
    }
  }
}

extension IdentityService {
  /// See `AccountReviews.failure`.
  var accountsFault: String? { accounts?.failure(at: controller.clocks.monotonic()) }
}

/// How service-account tokens are judged.
struct KubernetesReviewSettings: Hashable, Sendable {
  var access: KubernetesAccess
  /// For whom tokens must be, so that one for somebody else lets nobody in.
  var audience: String
}
