import Synchronization

/// Answers requests. Called on the server's loop thread: do not block; hand longer work to a task or thread and keep the
/// `Responder`.
public protocol RequestHandler: Sendable {
  func handle(_ request: HTTPRequest, _ respond: Responder)
}

/// The right to answer one request, from any thread, exactly once. Dropped without an answer, the caller gets 500 and
/// `ServingCounters.respondersDropped` counts it.
public struct Responder: Sendable {
  private let once: Once

  /// Takes what is done with the answer; `delivery` is called once, on the thread that answers (or drops).
  public init(delivery: @escaping @Sendable (HTTPResponse, _ wasDropped: Bool) -> Void) {
    once = Once(delivery: delivery)
  }

  /// Answers. A second call is a defect of the handler and is ignored, as the first answer is already on its way.
  public func respond(_ response: HTTPResponse) { once.deliver(response, wasDropped: false) }

  private final class Once: Sendable {
    private let isDone = Atomic<Bool>(false)
    private let delivery: @Sendable (HTTPResponse, Bool) -> Void

    init(delivery: @escaping @Sendable (HTTPResponse, Bool) -> Void) { self.delivery = delivery }

    deinit { deliver(.problem(500, "The handler gave no answer."), wasDropped: true) }

    func deliver(_ response: HTTPResponse, wasDropped: Bool) {
      if isDone.exchange(true, ordering: .acquiringAndReleasing) { return }
      delivery(response, wasDropped)
    }
  }
}

/// Answers requests with an async function, each in its own task.
public struct AsyncHandler: RequestHandler {
  private let body: @Sendable (HTTPRequest) async -> HTTPResponse

  public init(_ body: @escaping @Sendable (HTTPRequest) async -> HTTPResponse) { self.body = body }

  public func handle(_ request: HTTPRequest, _ respond: Responder) {
    let body = body
    Task { respond.respond(await body(request)) }
  }
}

/// Answers requests with a function on the loop thread.
public struct DirectHandler: RequestHandler {
  private let body: @Sendable (HTTPRequest) -> HTTPResponse

  public init(_ body: @escaping @Sendable (HTTPRequest) -> HTTPResponse) { self.body = body }

  public func handle(_ request: HTTPRequest, _ respond: Responder) { respond.respond(body(request)) }
}
