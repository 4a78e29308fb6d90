/// The server's end of one HTTP/1 connection: which request may be read, what an answer does to the connection, and
/// when it is over.
///
/// It does no I/O and keeps no head. The driver parses with ``RequestHead`` while ``mayParse``, tells the machine of
/// each step, and does what it returns. Requests are served one at a time, in order; while one is served, at most one
/// read goes ahead (``wantsInput(buffered:)``), so a pipelining client gets no more of our memory than others.
///
/// A step out of order is a bug of the driver's and closes this connection only: ``isClosed`` becomes true.
public struct HTTP1Server: ~Copyable {
  /// Unread request bytes that are passed over after an early answer, so that the connection can go on (item 29).
  /// Beyond it the connection closes: reading on would cost more than a new connection.
  public static let drainLimit = 65_536

  private enum State: Equatable {
    case idle
    case exchange(Exchange)
    /// The answer is out; the rest of the request's body is passed over.
    case draining(left: Int)
    case closed
  }

  /// One request and its answer: two sides that move independently.
  private struct Exchange: Equatable {
    enum Request: Equatable { case body, complete }
    enum Response: Equatable { case awaited, body }
    var request: Request
    var response = Response.awaited
    var awaitsContinue: Bool
    var isHead: Bool
    var minorVersion: UInt8
    var keepAlive: Bool
  }

  private var state = State.idle
  private var body = BodyReader(.none)
  private var isShuttingDown = false

  public init() {}

  /// The next bytes of the input are a head to be parsed.
  public var mayParse: Bool { state == .idle }
  /// Nothing more is to be read or written.
  public var isClosed: Bool { state == .closed }
  /// A request is being served, or passed over.
  public var isBusy: Bool { state != .idle && state != .closed }
  /// More of the current request's body is to come.
  public var isReceivingBody: Bool {
    if case .exchange(let exchange) = state { exchange.request == .body } else { false }
  }

  /// Whether to read from the socket with `buffered` bytes of input not consumed yet. Behind a complete request one
  /// read goes ahead: it finds the next request, or the end of the connection, early.
  public func wantsInput(buffered: Int) -> Bool {
    switch state {
    case .idle, .draining: true
    case .exchange(let exchange): exchange.request == .body || buffered == 0
    case .closed: false
    }
  }
}

// The request

extension HTTP1Server {
  /// A head was parsed; its bytes may be taken from the input. Not for CONNECT, which the driver refuses.
  public mutating func receive(_ head: borrowing RequestHead) {
    guard state == .idle else {
      state = .closed
      return
    }
    body = BodyReader(head.framing)
    state = .exchange(
      Exchange(
        request: body.isDone ? .complete : .body, awaitsContinue: head.expectsContinue, isHead: head.method == .head,
        minorVersion: head.minorVersion, keepAlive: head.keepAlive && !isShuttingDown))
  }

  /// The next part of the request's body; see ``BodyReader/next(_:)``. After a fault the connection can only be
  /// answered and closed.
  public mutating func receiveBody(_ bytes: Span<UInt8>) -> BodyPart {
    let part = body.next(bytes)
    guard case .exchange(var exchange) = state else { return part }
    if case .fault = part { exchange.keepAlive = false }
    if body.isDone { exchange.request = .complete }
    if case .data = part { exchange.awaitsContinue = false }  // it did not wait
    state = .exchange(exchange)
    return part
  }

  /// The input has reached its end.
  public mutating func endOfInput() -> ServerEnd {
    switch state {
    case .idle, .draining, .closed:
      state = .closed
      return .close
    case .exchange(var exchange):
      exchange.keepAlive = false
      state = exchange.request == .body ? .closed : .exchange(exchange)
      return exchange.request == .body ? .truncated : .halfClosed
    }
  }
}

// The response

extension HTTP1Server {
  /// Whether an interim answer of that status (1xx) goes to the client. Not to HTTP/1.0, not after the final head,
  /// `100` only while the client waits for it (then the wait is over), and never `101`: no protocol is switched.
  public mutating func mayForward(informational status: Int) -> Bool {
    guard case .exchange(var exchange) = state, exchange.response == .awaited, exchange.minorVersion == 1 else {
      return false
    }
    guard status == 100 else { return status > 101 && status < 200 }
    defer { state = .exchange(exchange) }
    return exchangeContinue(&exchange)
  }

  private func exchangeContinue(_ exchange: inout Exchange) -> Bool {
    let awaited = exchange.awaitsContinue
    exchange.awaitsContinue = false
    return awaited
  }

  /// A final head is about to be written. `framing` is how the body is known to us (`untilClose`: its end comes
  /// later); `keepAlive` is our own wish. The plan says how to frame it for this client and what to say of the
  /// connection.
  public mutating func beginResponse(status: Int, framing: BodyFraming, keepAlive: Bool = true) -> ResponsePlan {
    guard case .exchange(var exchange) = state, exchange.response == .awaited else {
      state = .closed
      return ResponsePlan(body: .none, closes: true, saysKeepAlive: false)
    }
    let written = HTTP1Server.framing(framing, status: status, exchange)
    let stays =
      exchange.keepAlive && keepAlive && !isShuttingDown && written != .untilClose && canPassOverRest(exchange)
    exchange.keepAlive = stays
    exchange.response = .body
    state = .exchange(exchange)
    return ResponsePlan(body: written, closes: !stays, saysKeepAlive: stays && exchange.minorVersion == 0)
  }

  private static func framing(_ framing: BodyFraming, status: Int, _ exchange: Exchange) -> BodyFraming {
    if exchange.isHead || status == 204 || status == 304 { return .none }
    switch framing {
    case .none, .length: return framing
    case .chunked, .untilClose: return exchange.minorVersion == 1 ? .chunked : .untilClose
    }
  }

  /// A client that still waits for `100 Continue` may send its body after a final answer, or may not: nobody can
  /// tell, so the connection must end. A body that is known to be longer than the limit is not worth the wait.
  private func canPassOverRest(_ exchange: Exchange) -> Bool {
    if exchange.request == .complete { return true }
    if exchange.awaitsContinue { return false }
    return body.remaining.map { $0 <= UInt64(HTTP1Server.drainLimit) } ?? true
  }

  /// The whole answer has been written.
  public mutating func endResponse() -> Afterwards {
    guard case .exchange(let exchange) = state, exchange.response == .body else {
      state = .closed
      return .close
    }
    let hasRest = exchange.request == .body
    if !exchange.keepAlive || isShuttingDown {
      state = .closed
      return hasRest ? .closeAfterLinger : .close
    }
    state = hasRest ? .draining(left: HTTP1Server.drainLimit) : .idle
    return hasRest ? .drain : .next
  }

  /// Passes over the rest of a request's body after an early answer.
  public mutating func drain(_ bytes: Span<UInt8>) -> DrainStep {
    guard case .draining(let left) = state else {
      state = .closed
      return .close
    }
    var consumed = 0
    while true {
      switch body.next(bytes.extracting(consumed...)) {
      case .data(_, _, let n), .trailers(_, _, let n), .end(let n): consumed &+= n
      case .needMore(let n):
        consumed &+= n
        state = .draining(left: left &- consumed)
        return consumed > left ? closeDrain() : .needMore(consumed: consumed)
      case .fault: return closeDrain()
      }
      if consumed > left { return closeDrain() }
      if body.isDone {
        state = isShuttingDown ? .closed : .idle
        return isShuttingDown ? .close : .next(consumed: consumed)
      }
    }
  }

  private mutating func closeDrain() -> DrainStep {
    state = .closed
    return .close
  }
}

// The end

extension HTTP1Server {
  /// No further request after the current one. True when there is none: then the connection is to be closed now.
  public mutating func shutDown() -> Bool {
    isShuttingDown = true
    if state == .idle { state = .closed }
    return state == .closed
  }

  /// The answer cannot be finished, or the peer is gone: the connection must be reset, so that no half answer passes
  /// for a whole one.
  public mutating func abort() { state = .closed }
}
