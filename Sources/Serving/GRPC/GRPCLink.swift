import HTTP
import HTTP2
import Memory
import SystemIO
import TLS
import Workers

/// The driver of a `GRPCClient`'s connection.
final class GRPCLink {
  private enum Phase {
    /// TCP is being set up.
    case connecting
    /// TCP stands, TLS does not yet.
    case securing
    /// The connection stands, the peer has not shown that it speaks HTTP/2.
    case greeting
    case up
  }

  let address: SocketAddress
  let handle: Handle
  let session: HTTP2Session
  private unowned let client: GRPCClient
  private let security: GRPCClientSecurity?
  private let token: UInt64
  private let openedAt: Instant
  private var wire: Wire?
  private var phase = Phase.connecting
  private var timer = ConnectionTimer()
  private var keepalive = Keepalive()

  private var loop: ServiceLoop { client.loop }
  private var limits: ServingLimits { client.limits }

  init(
    _ client: GRPCClient, _ socket: consuming Socket, to address: SocketAddress, security: GRPCClientSecurity?,
    handle: Handle, token: UInt64
  ) throws(SystemError) {
    self.client = client
    self.address = address
    self.handle = handle
    self.security = security
    self.token = token
    openedAt = client.loop.now
    session = HTTP2Session(role: .client, storage: client.loop.fieldStorage, at: openedAt.milliseconds)
    wire = try Wire(socket, peer: address, token: token, interest: .write, on: client.loop)
    arm(openedAt + limits.headTimeout)
  }

  var scheme: String { security == nil ? "http" : "https" }

  // MARK: Events

  func ready(_ readiness: Readiness) {
    if case .connecting = phase { return connected() }
    if readiness.contains(.readable) {
      receive()
    } else if readiness.contains(.error) || readiness.contains(.hangup) {
      end("connection lost")
    }
    if readiness.contains(.writable) { client.mark() }
  }

  private func connected() {
    let code = wire?.connectError() ?? 0
    guard code == 0 else { return client.ended(systemMessage(code), isFailure: true) }
    if wire?.setReading(true, on: loop) == false { return end("no memory") }
    guard let security else {
      phase = .greeting
      return client.mark()
    }
    phase = .securing
    let session = TLSSession(security.context, peerURI: security.serverURI)
    if wire?.secure(session, on: loop) == .failed { end("connection lost") }
  }

  private func receive() {
    let received = wire?.receive(on: loop)
    if case .securing = phase, wire?.fault == nil, wire?.isReady == true {
      phase = .greeting
      client.mark()
    }
    switch received {
    case .bytes: advance()
    case .ended:
      end(
        phase == .up ? "the peer closed the connection" : "the peer closed the connection at once: is it a mesh port?")
    case .failed: end(lossReason)
    case .nothing, nil: break
    }
  }

  private var lossReason: String {
    guard let fault = wire?.fault else { return "connection lost" }
    let isPlain = fault == .notTLS
    return isPlain ? "it does not speak TLS: is it a mesh port, and does it take TLS?" : "TLS: \(fault)"
  }

  private func advance() {
    if case .greeting = phase {
      let isHTTP1 = wire?.withBuffers(on: loop) { input, _ in GRPCLink.isHTTP1(input.span) } ?? false
      if isHTTP1 { return client.ended("is not a mesh port: it answers HTTP/1 (the REST port?)", isFailure: true) }
    }
    let fault = wire?.feed(session, on: loop) ?? nil
    drainEvents()
    wire?.dropInput(on: loop)
    client.mark()
    if let fault { end("\(fault)") }
  }

  /// An HTTP/2 server's first frame is SETTINGS, whose first byte is the top of a 24-bit length: never an `H`.
  private static func isHTTP1(_ bytes: Span<UInt8>) -> Bool { !bytes.isEmpty && bytes[0] == UInt8(ascii: "H") }

  private func drainEvents() {
    while wire != nil, let event = session.nextEvent() {
      let call = Handle(bits: event.tag)
      switch event.kind {
      case .settings: settled()
      case .response(let fields, _): responded(fields, call)
      case .data(let range): received(range, call, event.stream)
      case .trailers(let fields): client.finished(call, GRPCMessages.status(fields))
      case .ended:
        client.finished(call, nil)  // after trailers nobody is left to be told
        session.reset(event.stream, .noError)
      case .tooLarge: client.finished(call, GRPCStatus(.internal, "the answer's header fields are too large"))
      case .closed(let code): client.finished(call, code == .noError ? nil : GRPCLink.status(code))
      case .goAway(_, let code) where code != .noError: end("the peer says \(code)")
      default: break
      }
    }
  }

  private func settled() {
    guard case .greeting = phase else { return }
    phase = .up
    arm(loop.now + limits.keepalive)
    client.connected()
  }

  private func responded(_ fields: HeaderList, _ call: Handle) {
    guard GRPCMessages.isGRPC(fields) else {
      let status = fields[":status"] ?? "?"
      let type = fields["content-type"] ?? "no content type"
      return client.ended("is not a mesh port: it answers \(status), \(type) (the REST port?)", isFailure: true)
    }
    // Trailers-only: the status stands in the one header block.
    if fields.contains("grpc-status") { client.finished(call, GRPCMessages.status(fields)) }
  }

  private func received(_ range: Range<Int>, _ call: Handle, _ stream: Int32) {
    session.consume(stream, range.count)
    guard client.calls.contains(call) else { return }
    wire?.withBuffers(on: loop) { input, _ in client.calls[call].receive(input.span.extracting(range)) }
    client.deliver(call)
  }

  /// What a reset means to a gRPC caller (PROTOCOL-HTTP2.md, "Errors").
  private static func status(_ code: HTTP2ErrorCode) -> GRPCStatus {
    switch code {
    case .refusedStream: GRPCStatus(.unavailable, "the server refused the stream")
    case .cancel: GRPCStatus(.cancelled, "the server cancelled the call")
    case .enhanceYourCalm: GRPCStatus(.resourceExhausted, "the server asks for calm")
    default: GRPCStatus(.internal, "the stream was reset: \(code)")
    }
  }

  // MARK: Writing

  func flush() {
    switch phase {
    case .connecting: return
    case .securing:
      if wire?.flush(on: loop) == .failed { end(lossReason) }
      return
    case .greeting, .up: break
    }
    let flushed = wire?.flush(session, limit: limits.outputBytes, on: loop)
    drainEvents()
    switch flushed {
    case .failed: end(lossReason)
    case .waiting: arm(loop.now + limits.writeTimeout)
    case .done where !session.wantsRead && !session.wantsWrite: end("the peer is going away")
    case .done, nil: break
    }
  }

  // MARK: Time

  private func arm(_ deadline: Instant) { timer.arm(deadline, token: token, on: loop) }

  func expired() {
    timer.fired()
    let now = loop.now
    if let since = wire?.waitingSince, case .up = phase, now >= since + limits.writeTimeout {
      return end("the peer takes nothing")
    }
    switch phase {
    case .connecting where now >= openedAt + limits.headTimeout: client.ended("connecting timed out", isFailure: true)
    case .securing where now >= openedAt + limits.headTimeout: client.ended("no TLS in time", isFailure: true)
    case .greeting where now >= openedAt + limits.headTimeout:
      client.ended("is not a mesh port: it accepts connections and says nothing", isFailure: true)
    case .connecting, .securing, .greeting: arm(openedAt + limits.headTimeout)
    case .up: checkPeer(now)
    }
  }

  private func checkPeer(_ now: Instant) {
    switch keepalive.check(receivedAt: wire?.receivedAt ?? now, at: now, limits: limits) {
    case .dead: end("the peer is silent")
    case .quiet(let until): arm(until)
    case .ping(let until):
      session.ping(now.nanoseconds)
      client.mark()
      arm(until)
    }
  }

  // MARK: The end

  private func end(_ reason: String) {
    if case .up = phase { return client.ended(reason, isFailure: false) }
    client.ended(reason, isFailure: true)
  }

  func close() {
    timer.cancel(on: loop)
    wire?.close(on: loop)
    wire = nil
  }
}
