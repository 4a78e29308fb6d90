import MeshProtocol
import SystemIO

/// A join token as the store has it: not the secret, but what tells it.
struct JoinTokenRecord: Sendable, Equatable {
  let id: String
  let namespace: String
  /// The workload identity that a proxy gets by it.
  let identity: String
  /// SHA-256 of the secret.
  let secretHash: [UInt8]
  let uses: Int
  var used = 0
  let createdAt: WallTime
  let createdBy: String
  let expiresAt: WallTime

  static let lifetimes = Duration.seconds(1)...Duration.seconds(30 * 86_400)
  static let standardLifetime = Duration.seconds(3600)
  static let uses = 1...100_000
  /// Tokens of one namespace. Why: each is a way in; so many are a mistake. At the limit: 409.
  static let mostInNamespace = 10_000
  /// How long after its end it is kept, so that a late proxy is told why.
  static let memory = Duration.seconds(7 * 86_400)

  /// Why it lets nobody in; nil: it does.
  /// - Parameter isRepetition: the same key has used it before: its answer was lost.
  func refusal(of token: JoinToken, isRepetition: Bool, at now: WallTime) -> SignRefusal? {
    if Self.hash(token.secret) != secretHash { return .wrongToken }
    if now >= expiresAt { return .expiredToken }
    if used >= uses, !isRepetition { return .usedToken }
    return nil
  }

  static func hash(_ secret: [UInt8]) -> [UInt8] { SHA256.digest(secret.span) }
}
