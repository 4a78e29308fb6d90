import HTTP
import Memory
import SystemIO
import Traffic

extension ProxyCore {
  /// Moves a caller on as far as its bytes allow.
  mutating func advance(_ h: Handle) {
    moveOn(h)
    if downstreams.contains(h), downstreams[h].link.isStream { giveCredit(toCaller: h) }
  }

  /// The one loop of the request side.
  mutating func moveOn(_ h: Handle) {
    if downstreams.contains(h) { downstreams[h].gaveWay = false }
    for _ in 0..<Self.stepsInARow {
      guard downstreams.contains(h) else { return }
      switch downstreams[h].phase {
      case .idle, .head:
        // Who does not read its answers gets no more of them: writability brings us back.
        guard downstreams[h].output.count < limits.highWater else { return }
        if !downstreams[h].input.isEmpty, takeHead(h) { continue }
        guard downstreams.contains(h) else { return }
        guard downstreams[h].mayRead else { return rest(h) }
        guard receive(h) else { return }
      case .waiting, .retrying:
        if downstreams[h].sawHangup { closeDownstream(h) }
        return
      case .exchanging(let u):
        guard forwardBody(h, to: u) else { return }
      case .settling:
        return
      case .closing:
        guard dropInput(h) else { return }
      }
    }
    giveWay(h)
  }

  /// Reads, requests or buffers full of a body that one caller gets in a row. 16: a megabyte of body at most.
  static let stepsInARow = 16

  /// This caller sends as fast as we read: the others' turn comes first. Arming the descriptor anew makes the kernel tell again
  /// what is ready, in the loop's next turn.
  private mutating func giveWay(_ h: Handle) {
    guard downstreams.contains(h) else { return }
    if downstreams[h].link.isStream { return moveOn(h) }  // no more than its window is here: nothing is read
    downstreams[h].gaveWay = true
    do {
      try loop.modify(
        downstreams[h].link.descriptor, token: h.token(kind: TokenKind.downstream), [.read, .write, .edgeTriggered])
    } catch {
      closeDownstream(h, reset: true)  // the kernel no longer watches it: nothing would ever wake it
    }
  }

  /// Nothing to do until the caller sends more: an idle connection holds no buffer.
  mutating func rest(_ h: Handle) {
    if downstreams[h].input.isEmpty { buffers.reclaim(&downstreams[h].input) }
    if downstreams[h].output.isEmpty { buffers.reclaim(&downstreams[h].output) }
  }

  /// Reads once. Returns false when there is nothing (more) to do now, or the connection is gone.
  mutating func receive(_ h: Handle) -> Bool {
    buffers.lend(&downstreams[h].input)
    switch downstreams[h].receive(atMost: max(4096, downstreams[h].input.writableCount)) {
    case .bytes(let n):
      facts.recordBytes(downstreams[h].origin.direction, received: n, sent: 0)
      return true
    case .wouldBlock:
      if downstreams[h].origin.greeting.isHandshake { return takeGreeting(h) }
      rest(h)
      return false
    case .endOfFile, .failed:
      callerGone(h)
      return false
    }
  }

  /// The caller closed or vanished. A caller that is gone cancels its request at once.
  private mutating func callerGone(_ h: Handle) {
    closeDownstream(h)
  }

  /// Tries to read a head from what has come. Returns whether the connection moved on.
  private mutating func takeHead(_ h: Handle) -> Bool {
    if downstreams[h].origin.greeting != .none { return takeGreeting(h) }
    if hasAgreedOnHTTP2(h) {
      facts.recordDetection(downstreams[h].origin.direction, .http2)
      beginSession(h, .http2)
      return false
    }
    switch downstreams[h].parseHead(into: &head) {
    case .incomplete:
      if downstreams[h].phase == .idle {
        downstreams[h].phase = .head
        if !awaitsDetection(h) { setDeadline(h, in: times.headTime) }
      }
      return false
    case .fault(.http2Preface)
    where !downstreams[h].link.isStream && downstreams[h].isFresh && protocolIsOpen(h):
      facts.recordDetection(downstreams[h].origin.direction, .http2)
      beginSession(h, .http2)
      return false
    case .fault(let fault) where !downstreams[h].link.isStream && downstreams[h].isFresh && !mayBeHTTP(h, fault):
      return takeOther(h, fault)
    case .fault(let fault):
      refuse(h, .badRequest, status: fault.status, text: fault.reason.description)
      return downstreams.contains(h)
    case .complete(let length):
      if head.fields.droppedCount > 0 { facts.recordDropped(inHead: head.fields.droppedCount) }
      beginRequest(h, headLength: length)
      return downstreams.contains(h)
    }
  }

  /// The handshake has settled what the connection speaks (RFC 9113 §3.2): bytes that are something else are a fault of HTTP/2's.
  private mutating func hasAgreedOnHTTP2(_ h: Handle) -> Bool {
    downstreams[h].link.isSecure && downstreams[h].isFresh && protocolIsOpen(h)
      && downstreams[h].link.applicationProtocol == "h2"
  }

  /// The listener leaves it to its callers whether they speak HTTP/1.1 or HTTP/2.
  private mutating func protocolIsOpen(_ h: Handle) -> Bool {
    listeners[downstreams[h].origin.listener].policy.listenerProtocol == .auto
  }

  /// A head is complete in the connection's input and in `self.head`.
  private mutating func beginRequest(_ h: Handle, headLength: Int) {
    let routing = RoutingFields(head, of: downstreams[h], steers: downstreams[h].origin.steers)
    if downstreams[h].isFresh, !downstreams[h].link.isStream {
      facts.recordDetection(downstreams[h].origin.direction, .http1)
    }
    downstreams[h].exchange = Exchange()
    downstreams[h].exchange.started = now
    downstreams[h].exchange.method = head.method
    downstreams[h].exchange.minorVersion = head.minorVersion
    downstreams[h].exchange.keepAlive = head.keepAlive && !isDraining
    downstreams[h].exchange.isGRPC = routing.isGRPC
    if routing.explainField >= 0 { downstreams[h].exchange.explains = wish(h, in: routing.explainField) }
    downstreams[h].requestBody = BodyReader(head.framing)
    downstreams[h].closesAfterAnswer = false
    if head.form == .authority {
      guard takeConnect(h, headLength) else { return }
    } else if head.hasUpgrade {
      guard takeOffer(h, headLength) else { return }
    }
    if routing.depth >= callDepthLimit {
      return failUndispatched(h, headLength, .callLoop, text: "the request has passed \(callDepthLimit) meshes")
    }
    if routing.isGRPC, downstreams[h].link.isStream {
      if routing.hasBadTimeout {
        return failUndispatched(
          h, headLength, .badRequest, text: "grpc-timeout is no number of at most 8 digits with a unit")
      }
      if routing.timeout > 0 {
        downstreams[h].exchange.hasDeadline = true
        downstreams[h].exchange.mustEnd = now.adding(nanoseconds: routing.timeout)
      }
    }
    bindRequest(h, headLength: headLength, hasLocalDtab: routing.hasLocalDtab)
  }

  /// A request's own fault, found before it went anywhere: its head is dropped, its body drained, the connection goes on.
  mutating func failUndispatched(_ h: Handle, _ headLength: Int, _ fault: ProxyFault, text: String) {
    downstreams[h].input.removeFirst(headLength)
    fail(h, fault, text: text)
  }
}
