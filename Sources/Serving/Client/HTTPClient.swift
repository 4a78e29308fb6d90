import HTTP
import HTTP2
import Memory
import SystemIO

/// A blocking HTTP/1.1 client for the command line, tools and tests: one request at a time on one connection, which is kept
/// while the server lets it. Not for threads that serve others.
public final class HTTPClient {
  /// What one call may cost. Each limit ends it with an error.
  public struct Limits: Sendable {
    /// Until the connection stands.
    public var connectTimeout: Duration
    /// Without a byte from the server.
    public var readTimeout: Duration
    /// Bytes of a body that `send` holds whole; why: the server may be anybody. `stream` holds nothing and has no such limit.
    public var bodyBytes = 256 << 20

    public init(timeout: Duration) {
      connectTimeout = timeout
      readTimeout = timeout
    }
  }

  public var limits: Limits
  /// As it goes into the `host` field.
  public let authority: String
  private let addresses: [SocketAddress]
  private var connection: ClientConnection?

  /// - Parameter host: a name, looked up now, or an address.
  /// - Throws: `unreachable` when the name has no address.
  public init(host: String, port: UInt16, timeout: Duration = .seconds(30)) throws(HTTPClientError) {
    limits = Limits(timeout: timeout)
    authority = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
    do { addresses = try resolve(host: host, port: port) } catch {
      throw .unreachable("\(host): \(error)")
    }
    if addresses.isEmpty { throw .unreachable("\(host): no address") }
  }

  public init(address: SocketAddress, timeout: Duration = .seconds(30)) {
    limits = Limits(timeout: timeout)
    authority = address.description
    addresses = [address]
  }

  /// Sends a request and waits for the whole answer, whatever its status.
  public func send(
    _ method: String, _ target: String, headers: HeaderList = HeaderList(), body: [UInt8] = []
  ) throws(HTTPClientError) -> HTTPResponse {
    var collected: [UInt8] = []
    let limit = limits.bodyBytes
    var isOver = false
    let head = try exchange(method, target, headers, body, onHead: { _ in true }) { bytes in
      isOver = collected.count + bytes.count > limit
      if !isOver { collected += bytes }
      return !isOver
    }
    if isOver { throw .malformed("\(authority): the answer is above \(limit) bytes") }
    return HTTPResponse(status: head.status, headers: head.headers, bytes: collected)
  }

  /// Sends a request and gives the body's pieces as they come; for answers without an end, such as server-sent events.
  /// - Parameters:
  ///   - onHead: sees status and headers first; false ends the call.
  ///   - onBytes: sees each piece; false ends the call. No piece for `readTimeout` is an error, so ask for heartbeats.
  /// - Returns: status and headers, with an empty body, when the answer ended or a closure said so.
  @discardableResult
  public func stream(
    _ method: String, _ target: String, headers: HeaderList = HeaderList(), body: [UInt8] = [],
    onHead: (HTTPResponse) -> Bool = { _ in true }, onBytes: ([UInt8]) -> Bool
  ) throws(HTTPClientError) -> HTTPResponse {
    try exchange(method, target, headers, body, onHead: onHead, onBytes: onBytes)
  }

  /// Closes the connection, if one is kept.
  public func close() { connection = nil }

  private func exchange(
    _ method: String, _ target: String, _ headers: HeaderList, _ body: [UInt8], onHead: (HTTPResponse) -> Bool,
    onBytes: ([UInt8]) -> Bool
  ) throws(HTTPClientError) -> HTTPResponse {
    let bytes = try requestBytes(method, target, authority: authority, headers, body)
    if let kept = connection.take(), !kept.isStale {
      do { return try perform(kept, method, bytes, onHead, onBytes) } catch {
        // The server closed the idle connection as we wrote: it saw nothing, or may see it twice (RFC 9110 §9.2.2).
        let name = Array(method.utf8)
        guard !kept.hasAnswered, Method(name.span).isIdempotent else { throw error }
      }
    }
    return try perform(connect(), method, bytes, onHead, onBytes)
  }

  private func perform(
    _ current: ClientConnection, _ method: String, _ bytes: [UInt8], _ onHead: (HTTPResponse) -> Bool,
    _ onBytes: ([UInt8]) -> Bool
  ) throws(HTTPClientError) -> HTTPResponse {
    try current.write(bytes, limits)
    let (head, isReusable) = try current.read(method, limits, onHead, onBytes)
    if isReusable { connection = current }
    return head
  }

  private func connect() throws(HTTPClientError) -> ClientConnection {
    var last = HTTPClientError.unreachable(authority)
    for address in addresses {
      do { return try ClientConnection(to: address, authority: authority, limits) } catch { last = error }
    }
    throw last
  }
}
