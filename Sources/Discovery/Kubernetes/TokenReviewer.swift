import Serving
import Synchronization
import SystemIO
import Telemetry

/// Asks a Kubernetes API server whose service-account token somebody shows. Safe from any thread; the work is done on threads of
/// its own.
public final class TokenReviewer: Sendable {
  /// Questions under way at once. Why: whoever reaches the mesh port may show tokens, and the API server is everybody's.
  /// More wait for their turn, and are unavailable when it does not come within `times.connect`.
  static let concurrency = 16
  /// Questions under way and waiting. Why: each holds its token. At the limit: unavailable.
  static let limit = 1024
  /// Bytes of a token. Why: those of clusters have about 1 kB. Above it: refused.
  static let longestToken = 16 << 10
  /// Shorter than proxies wait for a certificate (30 s), so that they are told why there is none.
  private static let times = HTTPTimes(connect: .seconds(5), idle: .seconds(10), total: .seconds(15))

  private let executor: LoopExecutor
  private let blocking: LoopExecutor
  private let desk: Confined<ReviewDesk>
  private let audience: String
  private let open = Mutex(Open())

  private struct Open {
    var count = 0
    /// Nothing is asked any more.
    var hasStopped = false
  }

  private init(_ executor: LoopExecutor, _ blocking: LoopExecutor, _ desk: Confined<ReviewDesk>, audience: String) {
    (self.executor, self.blocking, self.desk, self.audience) = (executor, blocking, desk, audience)
  }

  /// Starts the thread `token-review`.
  /// - Parameter audience: for whom tokens must be.
  /// - Throws: `SystemError` when the system gives no descriptor.
  public static func start(_ access: KubernetesAccess, audience: String, log: Log) throws -> TokenReviewer {
    let (blocking, _) = try ServiceLoop.start(name: "token-block") { _ in () }
    do {
      let (executor, desk) = try ServiceLoop.start(name: "token-review") { loop in
        loop.confine(try ReviewDesk(loop, blocking, access, log))
      }
      return TokenReviewer(executor, blocking, desk, audience: audience)
    } catch {
      blocking.stop()
      throw error
    }
  }

  /// What the API server says of a token. Ends within 20 s.
  public func review(_ token: String) async -> Result<ServiceAccount, TokenReviewFault> {
    guard (1...Self.longestToken).contains(token.utf8.count), token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      return .failure(.refused("it is no service-account token"))
    }
    let audience = audience
    defer { open.withLock { $0.count -= 1 } }
    return await withCheckedContinuation { continuation in
      let refusal = open.withLock { open -> String? in
        open.count += 1
        if open.hasStopped { return "the controller is stopping" }
        if open.count > Self.limit { return "\(Self.limit) tokens are under review already" }
        desk.execute { $0.ask(token, audience: audience, Self.times) { continuation.resume(returning: $0) } }
        return nil
      }
      if let refusal { continuation.resume(returning: .failure(.unavailable(refusal))) }
    }
  }

  /// Ends the threads; what is under way is answered as unavailable.
  public func stop() {
    open.withLock { $0.hasStopped = true }
    desk.execute { $0.end() }
    executor.stop()
    blocking.stop()
  }
}

/// What of the reviewer lives on its thread.
final class ReviewDesk {
  private typealias Answer = (Result<ServiceAccount, TokenReviewFault>) -> Void

  private let source: SourceClient
  private let secret: Secret?
  private var waiting: [UInt64: (call: HTTPCall, done: Answer)] = [:]
  private var last: UInt64 = 0

  init(_ loop: ServiceLoop, _ blocking: LoopExecutor, _ access: KubernetesAccess, _ log: Log) throws {
    let secret = access.token.map { Secret($0) }
    self.secret = secret
    var limits = LoopHTTPClient.Limits()
    limits.connectionsPerOrigin = TokenReviewer.concurrency
    source = try SourceClient(loop: loop, blocking: blocking, log: log, at: access.place, limits: limits) {
      [unowned loop] in
      secret?.text(at: loop.now).map { ["authorization": "Bearer \($0)"] } ?? HeaderList()
    }
  }

  func ask(
    _ token: String, audience: String, _ times: HTTPTimes,
    _ done: @escaping (Result<ServiceAccount, TokenReviewFault>) -> Void
  ) {
    last += 1
    let id = last
    let call = source.ask(
      "POST", TokenReview.target, body: TokenReview.question(token, audience: audience), times: times
    ) { [weak self] answer in
      guard let self else { return }
      // Ours may have rotated since it was read.
      if case .failure(let fault) = answer, fault.status == 401 { secret?.doubt() }
      waiting.removeValue(forKey: id)?.done(TokenReview.read(answer, to: token, audience: audience))
    }
    waiting[id] = (call, done)
  }

  func end() {
    for (call, done) in waiting.values {
      call.cancel()
      done(.failure(.unavailable("the controller is stopping")))
    }
    waiting = [:]
  }
}
