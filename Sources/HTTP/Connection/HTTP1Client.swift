/// The client's end of one HTTP/1 connection: what an answer's head means, when the exchange is over, and whether the
/// connection may carry another.
///
/// It does no I/O and keeps no head; see ``HTTP1Server``. One request at a time: responses are never matched to
/// requests by order.
public struct HTTP1Client: ~Copyable {
  /// Interim answers (1xx) to one request before it is a fault (item 32). Real servers send one or two.
  public static let informationalLimit: UInt8 = 8

  private enum State: Equatable {
    case idle
    case exchange(Exchange)
    case closed
  }

  private struct Exchange: Equatable {
    enum Request: Equatable { case sending, sent }
    enum Response: Equatable { case awaited(informational: UInt8), body, complete }
    var request: Request
    var response = Response.awaited(informational: 0)
    var awaitsContinue: Bool
    var keepAlive = true
    var method: Method
  }

  private var state = State.idle
  private var body = BodyReader(.none)

  public init() {}

  /// A request may begin.
  public var isIdle: Bool { state == .idle }
  public var isClosed: Bool { state == .closed }
  /// The next bytes of the input are a head to be parsed. Bytes that come while idle are a fault: discard the
  /// connection.
  public var mayParse: Bool {
    guard case .exchange(let exchange) = state, case .awaited = exchange.response else { return false }
    return true
  }
  /// The body must wait: the server has not said `100 Continue`. It is the driver's to give up waiting (RFC 9110
  /// §10.1.1) with ``stopWaiting()``.
  public var awaitsContinue: Bool {
    if case .exchange(let exchange) = state { exchange.awaitsContinue } else { false }
  }
  /// The whole response is here.
  public var isResponseComplete: Bool {
    if case .exchange(let exchange) = state { exchange.response == .complete } else { false }
  }
}

// The request

extension HTTP1Client {
  /// A request's head is about to be written. False when the connection is not idle: take another.
  public mutating func beginRequest(method: Method, hasBody: Bool, expectsContinue: Bool = false) -> Bool {
    guard state == .idle else { return false }
    state = .exchange(
      Exchange(request: hasBody ? .sending : .sent, awaitsContinue: expectsContinue && hasBody, method: method))
    return true
  }

  /// The request has been written to its end.
  public mutating func endRequest() {
    guard case .exchange(var exchange) = state else { return }
    exchange.request = .sent
    exchange.awaitsContinue = false
    state = .exchange(exchange)
  }

  /// The body goes out without `100 Continue`.
  public mutating func stopWaiting() {
    guard case .exchange(var exchange) = state else { return }
    exchange.awaitsContinue = false
    state = .exchange(exchange)
  }
}

// The response

extension HTTP1Client {
  /// A head was parsed.
  public mutating func receive(_ head: borrowing ResponseHead) -> ClientHead {
    guard case .exchange(var exchange) = state, case .awaited(let seen) = exchange.response else {
      return fail(.unexpectedResponse)
    }
    if head.statusCode == 101 { return fail(.unexpectedUpgrade) }
    if head.isInformational {
      guard seen < HTTP1Client.informationalLimit else { return fail(.tooManyInformational) }
      exchange.response = .awaited(informational: seen &+ 1)
      if head.statusCode == 100 { exchange.awaitsContinue = false }
      state = .exchange(exchange)
      return .informational(head.statusCode)
    }
    let framing = head.framing(requestMethod: exchange.method)
    body = BodyReader(framing)
    exchange.response = body.isDone ? .complete : .body
    exchange.keepAlive = head.keepAlive && framing != .untilClose && !exchange.awaitsContinue
    state = .exchange(exchange)
    return .final(framing)
  }

  /// The next part of the response's body; see ``BodyReader/next(_:)``.
  public mutating func receiveBody(_ bytes: Span<UInt8>) -> BodyPart {
    let part = body.next(bytes)
    guard case .exchange(var exchange) = state else { return part }
    if case .fault = part { exchange.keepAlive = false }
    if body.isDone, exchange.response == .body { exchange.response = .complete }
    state = .exchange(exchange)
    return part
  }

  private mutating func fail(_ fault: HTTPFault) -> ClientHead {
    state = .closed
    return .fault(fault)
  }

  /// The exchange is over on our side: the response is complete and forwarded. True when the connection is idle again
  /// and may be kept; false when it must be closed: the server wants so, it answered before it had the whole request,
  /// or `leftover` bytes lie in the input that no request asked for.
  public mutating func finish(leftover: Int) -> Bool {
    guard case .exchange(let exchange) = state else { return state == .idle && leftover == 0 }
    let stays = exchange.keepAlive && exchange.request == .sent && exchange.response == .complete && leftover == 0
    state = stays ? .idle : .closed
    return stays
  }

  /// The input has reached its end, with `buffered` bytes of it not consumed.
  public mutating func endOfInput(buffered: Int) -> ClientEnd {
    defer { state = .closed }
    guard case .exchange(let exchange) = state else { return .idle }
    switch exchange.response {
    case .complete: return .complete
    case .body:
      if let fault = body.endOfInput() { return .fault(fault) }
      return .complete
    case .awaited(let informational):
      return buffered == 0 && informational == 0 ? .unanswered : .fault(.truncatedHead)
    }
  }

  /// The exchange is given up: the connection must be closed.
  public mutating func abort() { state = .closed }
}

/// What a response's head means.
public enum ClientHead: Equatable, Sendable {
  /// Interim; the final head is still to come.
  case informational(Int)
  /// The answer, with the framing of its body.
  case final(BodyFraming)
  case fault(HTTPFault)
}

/// What the end of a server's input means.
public enum ClientEnd: Hashable, Sendable {
  /// No request was under way.
  case idle
  /// The response is complete by it, or was before.
  case complete
  /// Not a byte of an answer came: on a connection that was used before, a safe request may go elsewhere.
  case unanswered
  /// The response was cut short and must not pass for a whole one.
  case fault(HTTPFault)
}
