import HTTP
import HTTP2
import Memory
import SystemIO
import TLS
import Workers

/// One connection of a `LoopHTTPClient`. Bytes go through `Wire`: what lies between them and the socket is its affair.
final class ClientLink {
  private enum Phase {
    case connecting(until: Instant)
    /// The connection stands, TLS does not yet.
    case securing(until: Instant)
    case exchanging(HTTPCall)
    /// Kept for the next request to the same origin.
    case idle(until: Instant)
  }

  let origin: HTTPOrigin
  /// The call that it connects or works for; nil when it is kept.
  private(set) var call: HTTPCall?
  /// A byte of the answer to the current request has come.
  private(set) var hasAnswered = false
  private unowned let client: LoopHTTPClient
  private let place: String
  private var handle = Handle.none
  private var token: UInt64 = 0
  private var wire: Wire?
  private var phase: Phase
  private var reader: AnswerReader
  private var hasHead = false
  private var timer = ConnectionTimer()
  /// Begins when the connection stands; nil in clear.
  private var session: TLSSession?

  private var loop: ServiceLoop { client.loop }

  /// - Parameter place: who is connected to, for messages.
  init(_ client: LoopHTTPClient, for call: HTTPCall, place: String) {
    self.client = client
    self.call = call
    self.place = place
    origin = call.origin
    phase = .connecting(until: client.loop.now + call.times.connect)
    reader = AnswerReader(method: call.method)
  }

  /// Watches the socket, which is being connected.
  func begin(
    _ socket: consuming Socket, peer: SocketAddress, session: consuming TLSSession?, handle: Handle, kind: UInt8
  ) throws(SystemError) {
    self.handle = handle
    self.session = session
    token = handle.token(kind: kind)
    wire = try Wire(socket, peer: peer, token: token, interest: .write, on: loop)
    if case .connecting(let deadline) = phase { timer.arm(deadline, token: token, on: loop) }
  }

  /// Takes up a request on a kept connection.
  func serve(_ call: HTTPCall) {
    self.call = call
    write()
  }

  // MARK: Events

  func ready(_ readiness: Readiness) {
    if case .connecting = phase { return connected() }
    if readiness.contains(.readable) {
      receive()
    } else if readiness.contains(.error) || readiness.contains(.hangup) {
      lost("the connection broke")
    }
    if readiness.contains(.writable) { flush() }
  }

  private func connected() {
    let code = wire?.connectError() ?? 0
    guard code == 0 else { return lost(systemMessage(code)) }
    guard wire?.setReading(true, on: loop) == true else { return lost("no memory") }
    guard case .connecting(let deadline) = phase, let session = session.take() else { return established() }
    phase = .securing(until: deadline)
    if wire?.secure(session, on: loop) == .failed { lost("the connection broke") }
  }

  private func established() {
    client.connected(self, handle)
    write()
  }

  // MARK: Writing

  private func write() {
    guard let call, wire != nil else { return }
    phase = .exchanging(call)
    reader = AnswerReader(method: call.method)
    hasAnswered = false
    hasHead = false
    wire?.willAppend(on: loop)
    wire?.output.append(call.bytes)
    timer.arm(loop.now + call.times.idle, token: token, on: loop)
    flush()
  }

  private func flush() {
    switch wire?.flush(on: loop) {
    // Reading tells what the server said before it closed.
    case .failed: receive()
    case .done, .waiting, nil: break
    }
  }

  // MARK: Reading

  private func receive() {
    switch wire?.receive(on: loop) {
    case .bytes:
      // A server that speaks first does not speak HTTP; the same goes for one that speaks within the handshake's last bytes.
      guard case .exchanging = phase else { return lost("the server said something unasked") }
      hasAnswered = true
      advance()
      if wire?.peerHasFinished == true { ended() }
    case .ended: ended()
    case .failed: lost("the connection broke")
    case .nothing: if case .securing = phase, wire?.isReady == true { established() }
    case nil: break
    }
  }

  /// Tells what has come; whoever is told may end the call.
  private func advance() {
    while case .exchanging(let call) = phase, wire != nil {
      switch wire?.withBuffers(on: loop, { input, _ in reader.next(&input) }) {
      case .head(let response):
        hasHead = true
        call.tell(.head(response))
      case .bytes(let piece): call.tell(.bytes(piece))
      case .ended: return finished(call)
      case .fault(let fault): return broken(fault)
      case .needMore, nil: return
      }
    }
  }

  private func finished(_ call: HTTPCall) {
    self.call = nil
    let isClean = reader.isReusable && wire?.input.isEmpty == true && wire?.hasOutput == false
    phase = .idle(until: loop.now + client.limits.keptFor)
    timer.arm(loop.now + client.limits.keptFor, token: token, on: loop)
    client.finished(call, self, handle, isReusable: isClean)
  }

  private func ended() {
    guard case .exchanging(let call) = phase else { return lost("the server closed") }
    guard let fault = reader.endOfInput() else { return finished(call) }
    hasAnswered ? broken(fault) : lost("closed without an answer")
  }

  private func broken(_ fault: HTTPFault) {
    client.failed(self, handle, .malformed("\(place): \(answerFault(fault, hasHead: hasHead))"))
  }

  private func lost(_ reason: String) {
    guard let fault = wire?.fault else { return client.failed(self, handle, .unreachable("\(place): \(reason)")) }
    if fault == .truncated, hasAnswered { return broken(.truncatedBody) }
    client.failed(self, handle, .unreachable("\(place): \(fault)"))
  }

  // MARK: Time

  func expired() {
    timer.fired()
    let now = loop.now
    switch phase {
    case .connecting(let deadline):
      if now < deadline { return timer.arm(deadline, token: token, on: loop) }
      client.failed(self, handle, .timeout("\(place): no connection in time"))
    case .securing(let deadline):
      if now < deadline { return timer.arm(deadline, token: token, on: loop) }
      client.failed(self, handle, .timeout("\(place): no TLS in time"))
    case .idle(let deadline):
      if now < deadline { return timer.arm(deadline, token: token, on: loop) }
      lost("kept long enough")
    case .exchanging(let call):
      let heard = max(wire?.receivedAt ?? now, wire?.sentAt ?? now)
      if now < heard + call.times.idle { return timer.arm(heard + call.times.idle, token: token, on: loop) }
      client.failed(self, handle, .timeout("\(place): no byte for \(call.times.idle)"))
    }
  }

  /// Closes; nothing is told.
  func close() {
    call = nil
    timer.cancel(on: loop)
    wire?.close(on: loop)
    wire = nil
  }
}
