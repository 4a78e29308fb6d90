import HTTP
import HTTP2
import Memory
import SystemIO
import TLS

/// An HTTP/1.1 client on a service loop: many requests at once, whole or as they come, without blocking the loop. Everything
/// is called on the loop's thread, and answers are told there, never from within a command.
public final class LoopHTTPClient: LoopSource {
  /// What a client may hold. `HTTPTimes` has the times of each call.
  public struct Limits: Sendable {
    /// Connections to one origin at once. Why: descriptors are finite, and servers count (Consul allows 200 a client). At the
    /// limit a call waits for one, at most `HTTPTimes.connect`.
    public var connectionsPerOrigin = 512
    /// Connections kept for one origin while nobody uses them; more are closed.
    public var keptPerOrigin = 4
    /// How long one is kept. Why: below what servers and middle boxes allow.
    public var keptFor: Duration = .seconds(30)
    /// Bytes of a body that `send` holds whole. Why: the server may be anybody. At the limit the call fails.
    public var bodyBytes = 64 << 20

    public init() {}
  }

  public let limits: Limits
  unowned let loop: ServiceLoop
  private let resolver: LoopExecutor
  private let security: ClientSecurity
  private var confined: Confined<LoopHTTPClient>?
  private var kind: UInt8 = 0
  private var links = Slab<ClientLink>()
  private var calls: [UInt64: HTTPCall] = [:]
  private var lastCall: UInt64 = 0
  private var origins: [HTTPOrigin: OriginPool] = [:]

  /// - Parameters:
  ///   - resolver: of another thread, on which look-ups of host names block.
  ///   - security: for the origins that are asked over TLS.
  /// - Throws: `ServiceLoop.Full`.
  public init(
    loop: ServiceLoop, resolver: LoopExecutor, limits: Limits = Limits(), security: ClientSecurity = .standard()
  ) throws(ServiceLoop.Full) {
    self.loop = loop
    self.security = security
    self.resolver = resolver
    self.limits = limits
    kind = try loop.attach(LoopSlot())
    loop.replace(kind: kind, with: self)
    confined = loop.confine(self)
  }

  /// Sends a request and tells the answer as it comes; for answers without an end, such as watches.
  public func stream(
    _ method: String, _ target: String, at origin: HTTPOrigin, headers: HeaderList = HeaderList(), body: [UInt8] = [],
    times: HTTPTimes = HTTPTimes(), _ tell: @escaping (HTTPEvent) -> Void
  ) -> HTTPCall {
    lastCall += 1
    let written = Result { () throws(HTTPClientError) in
      try requestBytes(method, target, authority: origin.authority, headers, body)
    }
    let bytes = (try? written.get()) ?? []
    let call = HTTPCall(
      self, id: lastCall, origin: origin, method: method, bytes: bytes, times: times, tell: tell)
    calls[call.id] = call
    // Later, so that nothing is told from within this.
    loop.schedule(after: .zero) { [weak self] in
      if case .failure(let error) = written { self?.fail(call, error) } else { self?.begin(call) }
    }
    return call
  }

  /// Sends a request and gives the whole answer, whatever its status.
  public func send(
    _ method: String, _ target: String, at origin: HTTPOrigin, headers: HeaderList = HeaderList(), body: [UInt8] = [],
    times: HTTPTimes = HTTPTimes(total: .seconds(60)),
    _ done: @escaping (Result<HTTPResponse, HTTPClientError>) -> Void
  ) -> HTTPCall {
    let collector = AnswerCollector(limit: limits.bodyBytes, done)
    let call = stream(method, target, at: origin, headers: headers, body: body, times: times) { collector.take($0) }
    collector.call = call
    return call
  }

  /// Calls under way.
  public var callCount: Int { calls.count }

  /// Connections that stand or are being made.
  public var connectionCount: Int { links.count }

  /// Ends every call without a word and closes every connection.
  public func close() {
    for call in calls.values { settle(call) }
    links.forEachHandle { links[$0].close() }
    links = Slab()
    origins = [:]
  }

  /// Closes and gives its place on the loop back; of no use afterwards.
  public func end() {
    guard confined != nil else { return }
    close()
    confined = nil
    loop.detach(kind: kind)
  }

  // MARK: Starting

  private func begin(_ call: HTTPCall) {
    guard !call.isDone else { return serveWaiting(call.origin) }
    if call.totalTimer == nil, let total = call.times.total {
      call.totalTimer = loop.schedule(after: total) { [weak self, weak call] in
        if let call { self?.fail(call, .timeout("\(call.origin): no whole answer within \(total)")) }
      }
    }
    while let handle = origins[call.origin]?.takeKept() {
      guard links.contains(handle) else { continue }
      call.phase = .exchanging(handle, isKept: true)
      return links[handle].serve(call)
    }
    open(call)
  }

  /// Makes a connection for the call, or lets it wait for one.
  private func open(_ call: HTTPCall) {
    boundWait(call)
    guard origins[call.origin, default: OriginPool()].open < limits.connectionsPerOrigin else {
      call.phase = .queued
      origins[call.origin, default: OriginPool()].waiting.append(call.id)
      return
    }
    origins[call.origin, default: OriginPool()].open += 1
    switch call.origin.place {
    case .tcp(let host, let port): resolve(call, host, port)
    case .unix(let path): connect(call, unix: path)
    }
  }

  private func boundWait(_ call: HTTPCall) {
    stop(&call.connectTimer)
    let limit = call.times.connect
    call.connectTimer = loop.schedule(after: limit) { [weak self, weak call] in
      guard let call else { return }
      switch call.phase {
      case .queued: self?.fail(call, .timeout("\(call.origin): no free connection within \(limit)"))
      case .resolving: self?.fail(call, .timeout("\(call.origin): no address within \(limit)"))
      case .connecting, .exchanging, .done: break  // the link's affair
      }
    }
  }

  private func resolve(_ call: HTTPCall, _ host: String, _ port: UInt16) {
    call.phase = .resolving
    if let literal = SocketAddress(host: host, port: port) { return connect(call, [literal][...]) }
    guard let confined else { return fail(call, .unreachable("\(call.origin): closed")) }
    let id = call.id
    resolver.execute {
      let result = Result { () throws(SystemError) in try SystemIO.resolve(host: host, port: port) }
      confined.execute { $0.resolved(id, result) }
    }
  }

  private func resolved(_ id: UInt64, _ result: Result<[SocketAddress], SystemError>) {
    guard let call = calls[id], case .resolving = call.phase else { return }
    switch result {
    case .success(let addresses): connect(call, addresses[...])
    case .failure(let error): fail(call, .unreachable("\(call.origin): \(error)"))
    }
  }

  /// Tries the addresses in turn.
  private func connect(_ call: HTTPCall, _ addresses: ArraySlice<SocketAddress>) {
    var last = HTTPClientError.unreachable("\(call.origin): no address")
    var rest = addresses
    while let address = rest.popFirst() {
      do {
        let socket = try Socket.connect(to: address)
        // A watch may be silent for minutes: the kernel finds out that the peer has vanished.
        try socket.setKeepAlive(idle: 20, interval: 5, count: 3)
        return try link(call, socket, peer: address, place: address.description, rest: rest)
      } catch { last = .unreachable("\(address): \(error)") }
    }
    fail(call, last)
  }

  private func connect(_ call: HTTPCall, unix path: String) {
    do {
      let socket = try Socket.connect(toPath: path)
      // A socket file has no address; nothing that is asked here has to know one.
      try link(call, socket, peer: .loopback(port: 0), place: path, rest: [])
    } catch { fail(call, .unreachable("\(path): \(error)")) }
  }

  private func link(
    _ call: HTTPCall, _ socket: consuming Socket, peer: SocketAddress, place: String, rest: ArraySlice<SocketAddress>
  ) throws {
    let session = try secureSession(call.origin)
    let link = ClientLink(self, for: call, place: place)
    let handle = links.insert(link)
    do { try link.begin(socket, peer: peer, session: session, handle: handle, kind: kind) } catch {
      _ = links.remove(handle)
      throw error
    }
    call.phase = .connecting(handle, rest: rest)
  }

  /// Nil for an origin in clear.
  private func secureSession(_ origin: HTTPOrigin) throws -> TLSSession? {
    guard origin.isSecure else { return nil }
    let host: String? = if case .tcp(let host, _) = origin.place { host } else { nil }
    return TLSSession(try security.context(), serverName: security.serverName ?? host)
  }

  // MARK: From the links

  func connected(_ link: ClientLink, _ handle: Handle) {
    guard let call = link.call else { return }
    stop(&call.connectTimer)
    call.phase = .exchanging(handle, isKept: false)
  }

  /// The connection is of no more use: another address, a second try or a failure follows.
  func failed(_ link: ClientLink, _ handle: Handle, _ error: HTTPClientError) {
    let call = link.call
    let hasAnswered = link.hasAnswered
    drop(handle)
    guard let call, !call.isDone else {
      origins[link.origin]?.forget(handle)
      return freed(link.origin)
    }
    switch call.phase {
    case .connecting(_, let rest) where !rest.isEmpty: connect(call, rest)
    case .exchanging(_, isKept: true) where !hasAnswered && call.isIdempotent:
      // The server closed the kept connection as we wrote: it saw nothing, or may see it twice.
      freed(link.origin)
      open(call)
    case .exchanging:
      freed(link.origin)
      fail(call, error)
    case .queued, .resolving, .connecting, .done: fail(call, error)
    }
  }

  func finished(_ call: HTTPCall, _ link: ClientLink, _ handle: Handle, isReusable: Bool) {
    settle(call)
    if isReusable, origins[link.origin]?.keep(handle, limit: limits.keptPerOrigin) == true {
      serveWaiting(link.origin)
    } else {
      drop(handle)
      freed(link.origin)
    }
    call.tell(.ended)
  }

  // MARK: Ending

  func cancel(_ call: HTTPCall) {
    guard !call.isDone else { return }
    let phase = call.phase
    settle(call)
    switch phase {
    case .queued, .done: break
    case .resolving: freed(call.origin)
    case .connecting(let handle, _), .exchanging(let handle, _):
      drop(handle)
      freed(call.origin)
    }
  }

  private func fail(_ call: HTTPCall, _ error: HTTPClientError) {
    guard !call.isDone else { return }
    switch call.phase {
    case .exchanging(let handle, _) where !links.contains(handle): settle(call)  // the link freed its place
    case .connecting(let handle, _) where !links.contains(handle):
      settle(call)
      freed(call.origin)
    default: cancel(call)
    }
    call.tell(.failed(error))
  }

  /// The call is over: forgotten, its timers stopped.
  private func settle(_ call: HTTPCall) {
    call.phase = .done
    stop(&call.connectTimer)
    stop(&call.totalTimer)
    calls[call.id] = nil
  }

  private func stop(_ timer: inout ServiceLoop.Timer?) {
    if let running = timer.take() { loop.cancel(running) }
  }

  private func drop(_ handle: Handle) {
    if links.contains(handle) { links.remove(handle).close() }
  }

  /// A connection to the origin is gone: the next that waits may make one.
  private func freed(_ origin: HTTPOrigin) {
    origins[origin]?.open -= 1
    serveWaiting(origin)
  }

  private func serveWaiting(_ origin: HTTPOrigin) {
    while let id = origins[origin]?.waiting.popFirst() {
      guard let call = calls[id], case .queued = call.phase else { continue }
      stop(&call.connectTimer)
      loop.schedule(after: .zero) { [weak self] in self?.begin(call) }
      return
    }
    if origins[origin]?.isUnused == true { origins[origin] = nil }
  }

  // MARK: LoopSource

  func ready(_ handle: Handle, _ readiness: Readiness) {
    if links.contains(handle) { links[handle].ready(readiness) }
  }

  func expired(_ handle: Handle) {
    if links.contains(handle) { links[handle].expired() }
  }

  func edge() {}

  func loopEnded() {
    close()
    confined = nil
  }
}

/// The connections to one origin.
private struct OriginPool {
  /// Being made, in use or kept.
  var open = 0
  private var kept: [Handle] = []
  /// Calls that wait for a connection, in order.
  var waiting: ArraySlice<UInt64> = []

  var isUnused: Bool { open == 0 && waiting.isEmpty }

  /// The one used last, which the server is the least likely to have closed.
  mutating func takeKept() -> Handle? { kept.popLast() }

  /// False when enough are kept.
  mutating func keep(_ handle: Handle, limit: Int) -> Bool {
    guard kept.count < limit else { return false }
    kept.append(handle)
    return true
  }

  mutating func forget(_ handle: Handle) { kept.removeAll { $0 == handle } }
}

/// Puts an answer together.
private final class AnswerCollector {
  /// Whose answer it is; the client keeps it while it is under way.
  weak var call: HTTPCall?
  private let limit: Int
  private let done: (Result<HTTPResponse, HTTPClientError>) -> Void
  private var head = HTTPResponse(status: 0)
  private var bytes: [UInt8] = []

  init(limit: Int, _ done: @escaping (Result<HTTPResponse, HTTPClientError>) -> Void) {
    self.limit = limit
    self.done = done
  }

  func take(_ event: HTTPEvent) {
    switch event {
    case .head(let response): head = response
    case .bytes(let piece):
      guard bytes.count + piece.count <= limit else {
        call?.cancel()
        return done(.failure(.malformed("the answer is above \(limit) bytes")))
      }
      bytes += piece
    case .ended: done(.success(HTTPResponse(status: head.status, headers: head.headers, bytes: bytes)))
    case .failed(let error): done(.failure(error))
    }
  }
}
