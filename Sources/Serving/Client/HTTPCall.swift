import HTTP
import HTTP2
import Memory
import SystemIO

/// What an answer tells, in this order: a head, any number of bytes, and an end; or a failure at any point.
public enum HTTPEvent: Sendable {
  /// Status and fields; the body is empty and follows as `bytes`.
  case head(HTTPResponse)
  /// The next bytes of the body, never none.
  case bytes([UInt8])
  /// The answer is whole. Nothing follows.
  case ended
  /// Nothing follows.
  case failed(HTTPClientError)
}

/// One request of a `LoopHTTPClient` and its answer, as it comes. Lives on the client's thread.
public final class HTTPCall {
  enum Phase {
    /// For a connection: `LoopHTTPClient.Limits.connectionsPerOrigin` are in use.
    case queued
    case resolving
    /// The link that tries, and where else to try.
    case connecting(Handle, rest: ArraySlice<SocketAddress>)
    /// A kept connection may turn out to be closed; then a new one is made, once.
    case exchanging(Handle, isKept: Bool)
    case done
  }

  let id: UInt64
  let origin: HTTPOrigin
  let method: String
  let bytes: [UInt8]
  let times: HTTPTimes
  let tell: (HTTPEvent) -> Void
  var phase = Phase.queued
  /// Ends the wait for a connection, and the whole exchange.
  var connectTimer: ServiceLoop.Timer?
  var totalTimer: ServiceLoop.Timer?
  private weak var client: LoopHTTPClient?

  init(
    _ client: LoopHTTPClient, id: UInt64, origin: HTTPOrigin, method: String, bytes: [UInt8], times: HTTPTimes,
    tell: @escaping (HTTPEvent) -> Void
  ) {
    self.client = client
    self.id = id
    self.origin = origin
    self.method = method
    self.bytes = bytes
    self.times = times
    self.tell = tell
  }

  /// Ends the call; nothing is told afterwards. A call that is over is left alone.
  public func cancel() { client?.cancel(self) }

  var isDone: Bool { if case .done = phase { true } else { false } }

  /// May be sent a second time when the server may have seen the first (RFC 9110 §9.2.2).
  var isIdempotent: Bool {
    let name = Array(method.utf8)
    return Method(name.span).isIdempotent
  }
}

/// How long one call may take. Each limit ends it with `HTTPClientError.timeout`.
public struct HTTPTimes: Sendable {
  /// Until a connection stands, the look-up of the name and the wait for a free connection included; for each address anew.
  public var connect: Duration
  /// Without a byte moving while an answer is awaited. Why: a peer that vanished leaves TCP half open for hours.
  public var idle: Duration
  /// For everything; nil for answers without an end.
  public var total: Duration?

  public init(connect: Duration = .seconds(5), idle: Duration = .seconds(30), total: Duration? = nil) {
    self.connect = connect
    self.idle = idle
    self.total = total
  }
}
