import HTTP
import Memory
import SystemIO
import TLS
import Workers

/// One HTTP/1.1 connection to an endpoint, or one request on an HTTP/2 connection. Lives on one worker for life.
struct Upstream: ~Copyable {
  let link: PeerLink
  /// Meaningful for streams.
  var stream = StreamText()
  let cluster: ClusterIndex
  let endpoint: EndpointIndex
  var phase: Phase
  /// Bytes received and not yet passed on.
  var input = ByteBuffer()
  /// The request as written. Kept whole until the first byte of the answer, so that a request that surely reached no
  /// application can be sent again elsewhere; `sent` says how much of it has left.
  var output = ByteBuffer()
  var sent = 0
  /// Whether `output` still begins with the request's first byte.
  var canReplay = true
  /// The answer's body, once its head is known.
  var body = BodyReader(.none)
  /// Interim answers (1xx) passed on for the current request.
  var interims: UInt8 = 0
  /// Requests this connection has served before the current one.
  var served: UInt32 = 0
  /// The answer's head was read.
  var hasHead = false
  /// The connection may carry another request after this one.
  var keepsAlive = true
  /// The kernel may have bytes for us (edge-triggered: we must remember).
  var mayRead = false
  var sawHangup = false
  /// A write failed: what follows is no orderly end.
  var isBroken = false
  var scan = HeadScan()
  var clock: ConnectionClock
  /// Neighbours in the endpoint's list of idle connections.
  var nextIdle = Handle.none
  var previousIdle = Handle.none

  enum Phase {
    /// The connect is under way for this caller; for none when it only shows whether the endpoint is back.
    case connecting(Handle)
    /// Carries this caller's request.
    case busy(Handle)
    /// In the pool.
    case idle
  }

  init(
    socket: consuming PeerSocket, cluster: ClusterIndex, endpoint: EndpointIndex, phase: Phase, clock: ConnectionClock
  ) {
    link = .socket(socket)
    self.cluster = cluster
    self.endpoint = endpoint
    self.phase = phase
    self.clock = clock
  }

  /// A request on a session, for this caller. It needs no clock: the caller's watches the exchange.
  init(stream: StreamText, cluster: ClusterIndex, endpoint: EndpointIndex, caller: Handle) {
    link = .stream
    self.stream = stream
    self.cluster = cluster
    self.endpoint = endpoint
    phase = .busy(caller)
    clock = ConnectionClock(deadline: .distantFuture)
  }

  /// The caller whose request this connection carries or will carry.
  var caller: Handle {
    switch phase {
    case .connecting(let h), .busy(let h): h
    case .idle: .none
    }
  }

  /// Bytes of the request that the kernel has not taken yet.
  var unsent: Int { output.count - sent }

  /// Bytes wait that the kernel has not taken.
  var isOwed: Bool { unsent > 0 || link.hasUnsent }

  /// Goes on with the handshake of a connection that stands.
  mutating func shakeHands() -> TLSSession.State { link.shakeHands(into: &input) }

  /// Whether another request can follow: everything was sent, and nothing came that no request asked for. Bytes that the kernel
  /// may still have would be taken for the next caller's answer, so it is asked; that is when a read filled its buffer exactly.
  var isReusable: Bool {
    !link.isStream && keepsAlive && !sawHangup && !isOwed && input.isEmpty && !(mayRead && link.pendingEndOfFile())
  }

  /// Reads once into `input`. A short read means that the kernel has no more for now.
  mutating func receive(atMost: Int) -> IOResult {
    let result = link.receive(into: &input, atMost: atMost)
    switch result {
    case .bytes(let n): mayRead = n >= atMost || sawHangup
    case .wouldBlock: mayRead = false
    case .endOfFile, .failed: mayRead = false
    }
    return result
  }

  /// Parses the head at the front of `input`.
  mutating func parseHead(into head: inout ResponseHead) -> HeadParse {
    head.parse(input, limits: .standard, scan: &scan)
  }

  /// The next part of the answer's body.
  /// - Parameter trailers: holds the fields of a trailer section afterwards.
  mutating func nextBodyPart(trailers: inout FieldTable) -> BodyPart { body.next(input, trailers: &trailers) }

  /// Appends these bytes of the input to `output`.
  borrowing func forward(_ range: Range<Int>, to output: inout ByteBuffer) {
    output.append(input.span.extracting(range))
  }

  /// Appends the fields of a trailer section in the input, those that may travel, and the body's end.
  borrowing func forwardTrailers(_ range: Range<Int>, _ fields: borrowing FieldTable, to output: inout ByteBuffer) {
    writeLastChunk(trailers: input.span.extracting(range), fields, to: &output)
  }

  /// The `grpc-status` among these fields, which stand in the input from `offset` on.
  borrowing func grpcCode(in fields: borrowing FieldTable, at offset: Int) -> GRPCStatus.Code? {
    guard let field = fields.first(.grpcStatus) else { return nil }
    return GRPCStatus.Code(fieldValue: input.span.extracting(offset...).extracting(field.valueRange))
  }

  /// Gives the kernel what it takes of `output`.
  mutating func flush() -> IOResult {
    var total = 0
    while unsent > 0 {
      switch link.send(output, from: sent) {
      case .bytes(let n):
        sent += n
        total += n
        if !canReplay { dropSent() }
      case .wouldBlock: return .bytes(total)
      case .endOfFile: return .endOfFile
      case .failed(let code): return .failed(code)
      }
    }
    return .bytes(total)
  }

  /// Forgets what was sent: the request cannot be sent again from here on.
  mutating func dropSent() {
    output.removeFirst(sent)
    sent = 0
  }

  /// Gives up the possibility to send the request again, and the memory it took.
  mutating func giveUpReplay() {
    if canReplay {
      canReplay = false
      dropSent()
    }
  }

  /// Ready for the next request of the next caller.
  mutating func begin(for caller: Handle) {
    phase = .busy(caller)
    canReplay = true
    hasHead = false
    keepsAlive = true
    interims = 0
    sent = 0
    body = BodyReader(.none)
  }
}

/// When a connection must have moved on, and the one timer that watches it.
///
/// A request moves the deadline many times; the timer is left alone and looks at the deadline when it fires. Only an earlier
/// deadline than the timer's own touches the wheel.
struct ConnectionClock {
  var deadline: Instant
  var timer: TimerHandle?
  var fires: Instant

  init(deadline: Instant) {
    self.deadline = deadline
    self.fires = deadline
  }

  /// Moves the deadline, and the timer when it would come too late.
  mutating func set(_ deadline: Instant, token: UInt64, on loop: EventLoop) {
    self.deadline = deadline
    if let timer {
      if deadline >= fires { return }
      loop.cancel(timer)
    }
    fires = deadline
    timer = loop.schedule(token, at: deadline)
  }

  /// The timer fired: true when the deadline has really come, else the timer is set anew.
  mutating func isDue(token: UInt64, on loop: EventLoop) -> Bool {
    timer = nil
    if loop.now >= deadline { return true }
    fires = deadline
    timer = loop.schedule(token, at: deadline)
    return false
  }

  /// The connection goes: no timer may outlive it.
  mutating func stop(on loop: EventLoop) {
    if let timer { loop.cancel(timer) }
    timer = nil
  }
}
