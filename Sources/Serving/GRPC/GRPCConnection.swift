import HTTP
import HTTP2
import Memory
import SystemIO
import TLS
import Workers

/// The driver of one connection to a `GRPCServer`.
final class GRPCConnection: ServedConnection {
  let session: HTTP2Session
  private unowned let server: GRPCServer
  private var loop: ServiceLoop { server.loop }
  private var limits: ServingLimits { server.limits }
  private var wire: Wire?
  private var handle = Handle.none
  private var timer = ConnectionTimer()
  private var keepalive = Keepalive()
  private let openedAt: Instant
  /// Calls whose `closed` has not come; a handful.
  private var calls: [Handle] = []
  private var hasSettings = false
  private var isMarked = false
  /// Which of the two the first byte said that the connection is.
  private var entry = Entry.unknown
  /// Everything was said; bytes that still come are dropped.
  private var linger: Linger?

  private enum Entry {
    case unknown
    case plain
    /// TLS; its handshake is under way.
    case securing
    case secure(GRPCPeer)
  }

  /// Bytes of requests that are no calls of gRPC, of which so many are read before an answer.
  private var otherBytes = 0
  private static let otherBytesRead = 64 << 10
  /// The first byte of a TLS connection: a record of the kind "handshake" (RFC 8446 §5.1). No HTTP begins with it.
  private static let handshakeRecord = UInt8(0x16)

  init(server: GRPCServer) {
    self.server = server
    openedAt = server.loop.now
    var settings = HTTP2Settings()
    settings.concurrentStreams = UInt32(clamping: server.limits.concurrentStreams)
    session = HTTP2Session(
      role: .server, settings: settings, storage: server.loop.fieldStorage, at: openedAt.milliseconds)
  }

  /// False when the kernel refuses to watch the socket.
  func open(_ socket: consuming Socket, peer: SocketAddress, handle: Handle) -> Bool {
    do {
      wire = try Wire(socket, peer: peer, token: handle.token(kind: server.connections.kind), on: loop)
    } catch {
      return false
    }
    self.handle = handle
    arm(openedAt + limits.headTimeout)
    return true
  }

  // MARK: Reading

  func ready(_ readiness: Readiness) {
    if readiness.contains(.readable) {
      receive()
    } else if readiness.contains(.error) || readiness.contains(.hangup) {
      return close()
    }
    if readiness.contains(.writable) { mark() }
  }

  private func receive() {
    var received = wire?.receive(on: loop)
    if case .bytes = received, case .unknown = entry { received = enter(received) }
    if case .securing = entry { noteHandshake() }
    switch received {
    case .bytes(let count):
      if linger == nil { advance() } else { drop(count) }
    case .ended, .failed: lost()
    case .nothing, nil: break
    }
  }

  /// The first bytes came: puts TLS below them if they are TLS.
  private func enter(_ read: Wire.Received?) -> Wire.Received? {
    guard wire?.input.span[0] == Self.handshakeRecord, let security = server.security else {
      entry = .plain
      return read
    }
    entry = .securing
    return wire?.secureInput(TLSSession(security.context), on: loop)
  }

  private func noteHandshake() {
    guard let peer = wire?.peer, wire?.isReady == true, wire?.fault == nil else { return }
    let hasExpired = wire?.hasExpiredPeer == true
    server.counters.handshakes.count()
    if hasExpired { server.counters.expiredPeers.count() }
    entry = .secure(
      GRPCPeer(address: peer, isSecure: true, certificate: wire?.peerCertificate, hasExpired: hasExpired))
  }

  /// The connection broke, or TLS gave up. A TLS connection that just ends is no fault of TLS: gRPC says itself what is whole.
  private func lost() {
    if let fault = wire?.fault, let peer = wire?.peer, fault != .truncated {
      server.counters.secureFaults.count()
      server.service.failed(fault, peer: peer)
    }
    close()
  }

  private func drop(_ count: Int) {
    wire?.dropInput(on: loop)
    if linger?.takes(count) == false { close() }
  }

  private func advance() {
    let fault = wire?.feed(session, on: loop) ?? nil
    if case .badPreface = fault, isHTTP1 { return refuseHTTP1() }
    if case .flood = fault { server.counters.floods.count() }
    drainEvents()
    wire?.dropInput(on: loop)
    mark()
  }

  private func drainEvents() {
    while wire != nil, let event = session.nextEvent() {
      let call = Handle(bits: event.tag)
      switch event.kind {
      case .request(let fields, _): begin(fields, event)
      case .tooLarge: session.submitResponse(event.stream, [":status": "431"], endStream: true)
      case .data(let range):
        if event.tag == 0 { receivedOther(range.count, event.stream) }
        received(range, call, event.stream)
      case .ended: event.tag == 0 ? refuseOther(event.stream) : ended(call)
      case .endWritten: endWritten(call, event.stream)
      case .closed: closed(call)
      case .settings:
        hasSettings = true
        arm(loop.now + limits.keepalive)
      default: break
      }
    }
  }

  /// The first line that came is a request's of HTTP/1.
  private var isHTTP1: Bool {
    wire?.withBuffers(on: loop) { input, _ in
      let end = firstIndex(of: 0x0a, in: input.span, from: 0, to: input.count)
      return end >= 9 && end < input.count && equals(input.span.extracting((end - 9)..<(end - 2)), "HTTP/1.")
    } ?? false
  }

  /// A caller of the REST API has come to the wrong door.
  private func refuseHTTP1() {
    server.counters.requestsRefused.count()
    let text =
      "This is the mesh port: it speaks gRPC over HTTP/2 to proxies. The REST API is on the port of rest.listen, 4180 by default.\n"
    wire?.dropInput(on: loop)
    wire?.willAppend(on: loop)
    wire?.output.append(
      "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: \(text.utf8.count)\r\nconnection: close\r\n\r\n\(text)"
    )
    finish()
  }

  // MARK: Calls

  private func begin(_ fields: HeaderList, _ event: HTTP2Event) {
    let stream = event.stream
    guard fields[":method"] == "POST", GRPCMessages.isGRPC(fields) else {
      server.counters.requestsRefused.count()
      return  // answered when it has ended: until then it may turn out to be malformed
    }
    server.counters.requests.count()
    let call = server.calls.insert(GRPCCall(connection: handle, stream: stream, limit: limits.messageBytes))
    if let status = refusal(call, fields) {
      _ = server.calls.remove(call)
      session.submitResponse(stream, GRPCMessages.trailersOnly(status), endStream: true)
      return
    }
    calls.append(call)
    session.setTag(call.bits, on: event)
    session.submitResponse(stream, GRPCMessages.response, endStream: false)
  }

  /// Reads past the body of a request that is no call of gRPC: one without an end is answered all the same.
  private func receivedOther(_ count: Int, _ stream: Int32) {
    otherBytes += count
    if otherBytes > Self.otherBytesRead { refuseOther(stream) }
  }

  /// Answers a request that is no call of gRPC. One that has an answer already is left alone.
  private func refuseOther(_ stream: Int32) {
    guard session.submitResponse(stream, [":status": "415", "content-type": "text/plain"], endStream: false) else {
      return
    }
    session.send(
      stream, Array("This is the mesh port: it speaks gRPC. The REST API is on another.\n".utf8), endStream: true)
  }

  private func refusal(_ call: Handle, _ fields: HeaderList) -> GRPCStatus? {
    if server.connections.isDraining { return GRPCStatus(.unavailable, "the server is draining") }
    let path = fields[":path"] ?? ""
    var peer = GRPCPeer(address: wire?.peer ?? server.localAddress)
    if case .secure(let secured) = entry {
      peer = secured
    } else if server.security?.policy == .required {
      return GRPCStatus(.unauthenticated, "this mesh port takes TLS only: the proxy needs an identity")
    }
    return server.service.opened(call, path: path, headers: fields, peer: peer)
  }

  private func received(_ range: Range<Int>, _ call: Handle, _ stream: Int32) {
    session.consume(stream, range.count)
    guard isOpen(call) else { return }
    wire?.withBuffers(on: loop) { input, _ in server.calls[call].receive(input.span.extracting(range)) }
    deliver(call)
  }

  /// Gives the service what is whole. It may end the call, or all calls, meanwhile.
  private func deliver(_ call: Handle) {
    while isOpen(call) {
      switch server.calls[call].next() {
      case .message(let message): server.service.received(call, message)
      case .needMore: return
      case .fault(let status): return server.finish(call, status: status)
      }
    }
  }

  private func ended(_ call: Handle) {
    guard isOpen(call) else {
      if server.calls.contains(call) { server.calls[call].isHalfClosed = true }
      return
    }
    server.calls[call].isHalfClosed = true
    if let status = server.calls[call].endOfInput() { return server.finish(call, status: status) }
    server.service.halfClosed(call)
  }

  /// The status is out; a caller that still sends is asked to stop (RFC 9113 §8.1).
  private func endWritten(_ call: Handle, _ stream: Int32) {
    let isHalfClosed = server.calls.contains(call) && server.calls[call].isHalfClosed
    if !isHalfClosed { session.reset(stream, .noError) }
  }

  private func closed(_ call: Handle) {
    guard server.calls.contains(call) else { return }
    _ = server.calls.remove(call)
    calls.removeAll { $0 == call }
    server.service.closed(call)
  }

  private func isOpen(_ call: Handle) -> Bool {
    guard server.calls.contains(call), case .open = server.calls[call].phase else { return false }
    return true
  }

  // MARK: Writing

  func mark() {
    if isMarked || wire == nil { return }
    isMarked = true
    server.connections.mark(handle)
  }

  func flush() {
    isMarked = false
    if linger != nil { return finish() }
    let flushed = wire?.flush(session, limit: limits.outputBytes, on: loop)
    drainEvents()
    switch flushed {
    case .failed, nil: lost()
    case .waiting: arm(loop.now + limits.writeTimeout)
    case .done where !session.wantsRead && !session.wantsWrite: finish()
    case .done: break
    }
  }

  /// Writes what is left, closes our side, and the whole when the peer has done so too or a moment has passed.
  private func finish() {
    let isFirst = linger == nil
    let linger = linger ?? Linger(at: loop.now, limits: limits)
    self.linger = linger
    switch wire?.flush(on: loop) {
    case .failed, nil: return close()
    case .waiting: break
    case .done: wire?.shutdownWrite()
    }
    if isFirst { arm(linger.until) }
  }

  // MARK: Time

  private func arm(_ deadline: Instant) {
    timer.arm(deadline, token: handle.token(kind: server.connections.kind), on: loop)
  }

  func expired() {
    timer.fired()
    let now = loop.now
    if let linger { return now >= linger.until ? close() : arm(linger.until) }
    if let since = wire?.waitingSince, now >= since + limits.writeTimeout { return timedOut() }
    guard hasSettings else { return timedOut() }
    let receivedAt = wire?.receivedAt ?? now
    if calls.isEmpty && now >= receivedAt + limits.idleTimeout {
      session.terminate(.noError)  // what is open is no call, and has come no further
      mark()
    }
    switch keepalive.check(receivedAt: receivedAt, at: now, limits: limits) {
    case .dead: return timedOut()
    case .quiet(let until): arm(until)
    case .ping(let until):
      session.ping(now.nanoseconds)
      mark()
      arm(until)
    }
  }

  private func timedOut() {
    server.counters.timeouts.count()
    wire?.setReset()
    close()
  }

  // MARK: The end

  /// The server drains: no new calls, the connection ends with the last one.
  func drain() {
    guard hasSettings else { return close() }
    session.announceShutdown()
    mark()
    // Calls that were on their way arrive within a round trip; then the real GOAWAY names the last one taken.
    loop.schedule(after: .milliseconds(100)) { [weak self] in
      self?.session.goAway(.noError)
      self?.mark()
    }
  }

  func close() {
    guard wire != nil else { return }
    timer.cancel(on: loop)
    wire?.close(on: loop)
    wire = nil
    for call in calls { closed(call) }
    server.connections.remove(handle)
  }
}
