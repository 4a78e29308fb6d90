import HTTP
import HTTP2
import Memory
import SystemIO
import Workers

/// One HTTP/2 connection, in clear or over TLS, to a gRPC server, and the calls on it. Lives on its loop's thread. Reconnecting, and when, is
/// the owner's: after `failed` or `disconnected`, call `connect(to:)` again.
public final class GRPCClient {
  let limits: ServingLimits
  unowned let loop: ServiceLoop
  private let events: any GRPCClientEvents
  private let table: GRPCClientTable
  private var link: GRPCLink?
  /// Counts `connect` and `close`: a failure on its way may belong to an attempt that is over.
  private var attempt: UInt64 = 0
  var calls = Slab<GRPCCall>()
  private var isMarked = false

  /// Many clients share a loop.
  /// - Parameter events: kept; told on the loop's thread, never from within a command.
  /// - Throws: `ServiceLoop.Full`.
  public init(loop: ServiceLoop, limits: ServingLimits = .mesh, events: any GRPCClientEvents) throws {
    self.loop = loop
    self.limits = limits
    self.events = events
    table = try loop.clients()
  }

  /// True from `connect(to:)` until `failed`, `disconnected` or `close()`.
  public var isBusy: Bool { link != nil }

  /// Begins to connect; `connected` or `failed` follows within `ServingLimits.headTimeout`. A connection there was is closed first.
  /// - Parameter security: nil: in clear.
  public func connect(to address: SocketAddress, security: GRPCClientSecurity? = nil) {
    close()
    let handle = table.enter(self)
    do {
      let socket = try Socket.connect(to: address)
      link = try GRPCLink(
        self, socket, to: address, security: security, handle: handle, token: handle.token(kind: table.kind))
    } catch {
      table.leave(handle)
      // Later, so that no event comes from within a command.
      loop.schedule(after: .zero) { [weak self, attempt] in self?.refused(address, error, attempt: attempt) }
    }
  }

  /// Opens a call; its messages may be queued at once. `.none` when there is no connection: sends to it return false.
  public func open(path: String, headers: HeaderList = HeaderList()) -> Handle {
    guard let link else { return .none }
    let fields = GRPCMessages.request(
      path: path, scheme: link.scheme, authority: link.address.description, headers: headers)
    guard let stream = link.session.submitRequest(fields, endStream: false) else { return .none }
    let call = calls.insert(GRPCCall(connection: link.handle, stream: stream, limit: limits.messageBytes))
    link.session.setTag(call.bits, on: stream)
    mark()
    return call
  }

  /// Queues one message with its prefix (`grpcFrame`), shared and not copied.
  /// - Returns: false when nothing was queued: the call is over, its end was queued, or its backlog would grow above
  ///   `ServingLimits.streamQueueBytes`.
  public func send(stream: Handle, framed: [UInt8]) -> Bool {
    guard let link, calls.contains(stream) else { return false }
    let id = calls[stream].stream
    guard link.session.queuedBytes(id) + framed.count <= limits.streamQueueBytes else { return false }
    mark()
    return link.session.send(id, framed)
  }

  /// Bytes queued for a call that the server has not taken; 0 when it is over.
  public func queuedBytes(_ stream: Handle) -> Int {
    guard let link, calls.contains(stream) else { return 0 }
    return link.session.queuedBytes(calls[stream].stream)
  }

  /// Says that no more messages follow; the server may still send.
  public func halfClose(_ stream: Handle) {
    guard let link, calls.contains(stream) else { return }
    link.session.send(calls[stream].stream, [], endStream: true)
    mark()
  }

  /// Ends a call at once; `closed` follows.
  public func reset(_ stream: Handle) {
    guard let link, calls.contains(stream) else { return }
    link.session.reset(calls[stream].stream, .cancel)
    mark()
  }

  /// Closes the connection and forgets its calls; no event follows.
  public func close() {
    attempt &+= 1
    drop()
    calls = Slab()
  }

  private func drop() {
    guard let link else { return }
    link.close()
    table.leave(link.handle)
    self.link = nil
    isMarked = false
  }

  // MARK: From the link

  func mark() {
    guard !isMarked, let link else { return }
    isMarked = true
    table.mark(link.handle)
  }

  private func refused(_ address: SocketAddress, _ error: any Error, attempt: UInt64) {
    if attempt == self.attempt { events.failed("\(address): \(error)") }
  }

  func connected() { events.connected() }

  /// The connection is over: `failed` when there never was a mesh behind it, else `disconnected`.
  func ended(_ reason: String, isFailure: Bool) {
    guard let link else { return }
    drop()
    let open = openCalls()
    calls = Slab()
    for call in open { events.closed(call, nil) }
    let text = "\(link.address): \(reason)"
    if isFailure { events.failed(text) } else { events.disconnected(text) }
  }

  private func openCalls() -> [Handle] {
    var open: [Handle] = []
    calls.forEachHandle { open.append($0) }
    return open
  }

  func deliver(_ call: Handle) {
    while calls.contains(call) {
      switch calls[call].next() {
      case .message(let message): events.received(call, message)
      case .needMore: return
      case .fault(let status):
        reset(call)
        return finished(call, status)
      }
    }
  }

  /// The call is over, once.
  func finished(_ call: Handle, _ status: GRPCStatus?) {
    guard calls.contains(call) else { return }
    _ = calls.remove(call)
    events.closed(call, status)
  }

  // MARK: From the table

  func ready(_ readiness: Readiness) { link?.ready(readiness) }

  func expired() { link?.expired() }

  func flush() {
    isMarked = false
    link?.flush()
  }
}
