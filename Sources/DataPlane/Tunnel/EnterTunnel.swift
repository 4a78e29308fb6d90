import HTTP
import HTTP2
import Memory
import SystemIO

// How a request becomes a tunnel: by a switch of protocols that the caller offers and the service accepts (RFC 9110 §7.8), or by CONNECT
// (§9.3.6). Extended CONNECT of HTTP/2 (RFC 8441) comes as the offer, in the text of its stream.

extension ProxyCore {
  // MARK: The request asks

  /// The request whose head stands in `self.head` offers other protocols; those that the listener allows go on to the service.
  /// Otherwise the offer is ignored. Returns false when it was answered, since there is no room for another tunnel.
  mutating func takeOffer(_ h: Handle, _ headLength: Int) -> Bool {
    let tokens = listeners[downstreams[h].origin.listener].policy.upgrades
    let offer = downstreams[h].offer(head, tokens)
    if downstreams[h].link.isStream {
      guard mayBeTunnel(h, offer) else { return false }
    } else {
      // A body that is still under way could not be told from what is tunnelled.
      guard head.minorVersion == 1, hasWholeBody(h, headLength), !offer.isEmpty else { return true }
    }
    downstreams[h].exchange.offer = offer
    return findTunnelPlace(h, headLength)
  }

  private mutating func hasWholeBody(_ h: Handle, _ headLength: Int) -> Bool {
    switch head.framing {
    case .none: true
    case .length(let n): downstreams[h].input.count - headLength >= n
    case .chunked, .untilClose: false
    }
  }

  /// The request is a CONNECT. Returns false when it was answered.
  mutating func takeConnect(_ h: Handle, _ headLength: Int) -> Bool {
    guard listeners[downstreams[h].origin.listener].policy.allowsConnect else {
      refuse(h, .badRequest, status: 405, text: "CONNECT is not offered here")
      return false
    }
    guard head.framing == .none else {
      refuse(h, .badRequest, status: 400, text: "CONNECT has no body")
      return false
    }
    // Bytes behind it are meant for the service: after a refusal they must not be taken for a request.
    downstreams[h].exchange.keepAlive = false
    return findTunnelPlace(h, headLength)
  }

  private mutating func findTunnelPlace(_ h: Handle, _ headLength: Int) -> Bool {
    guard tunnelPlaces < tunnelLimit else {
      failUndispatched(h, headLength, .overload, text: "too many tunnels are open")
      return false
    }
    downstreams[h].exchange.mayTunnel = true
    // It is no call, whatever its fields say: the faults of calls have the status of a success, which would be a tunnel's.
    if downstreams[h].link.isStream { downstreams[h].exchange.isGRPC = false }
    return true
  }

  /// The request is no tunnel any more, or will be none.
  mutating func leaveTunnelPlace(_ h: Handle) {
    tunnelPlaces -= 1
    let handshake = downstreams[h].exchange.handshake
    if handshakes.contains(handshake) { _ = handshakes.remove(handshake) }
  }

  // MARK: The service agrees

  /// The service switches protocols by the answer that stands in `self.answer`. Returns false, with nothing done, when it may not.
  mutating func switchProtocols(_ u: Handle, _ h: Handle, _ length: Int) -> Bool {
    let (offer, tokens) = (
      downstreams[h].exchange.offer, listeners[downstreams[h].origin.listener].policy.upgrades
    )
    guard !offer.isEmpty, downstreams[h].requestBody.isDone, upstreams[u].accepts(offer, answer, tokens),
      isHandshakeDone(u, h)
    else { return false }
    let extra = downstreams[h].exchange.explains == .field ? explanationLines(h) : []
    let edits = answerEdits(h)
    buffers.lend(&downstreams[h].output)
    writeAnswerHead(
      answer, of: upstreams[u], framing: .asReceived, then: .tunnel, callerMinorVersion: 1, success: true,
      trusted: downstreams[h].origin.isTrusted, edits: edits, extra: extra, into: &downstreams[h].output)
    upstreams[u].input.removeFirst(length)
    openTunnel(u, h)
    return true
  }

  /// The connection that a CONNECT asked for stands.
  mutating func connectStands(_ u: Handle, _ h: Handle) {
    if !downstreams[h].exchange.isRaw {
      buffers.lend(&downstreams[h].output)
      // Of a stream, 101 is the text for a tunnel that stands.
      downstreams[h].output.append(
        downstreams[h].link.isStream ? "HTTP/1.1 101 OK\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n")
    }
    openTunnel(u, h)
  }

  /// The request has succeeded. What has come of either side behind the heads goes first through the tunnel.
  private mutating func openTunnel(_ u: Handle, _ h: Handle) {
    let (c, e) = (upstreams[u].cluster, upstreams[u].endpoint)
    clusters[c].requeues.deposit(now: now.nanoseconds)
    clusters[c].endpoints[Int(e)].backoff.succeeded()
    endAttempt(h, as: .success)
    endRequest(h, as: .success)
    if downstreams[h].link.isStream { passAnswer(h) }
    var caller = downstreams.remove(h)
    var service = upstreams.remove(u)
    caller.clock.stop(on: loop)
    service.clock.stop(on: loop)
    service.dropSent()
    var toCaller = ByteBuffer()
    var toService = ByteBuffer()
    swap(&toCaller, &caller.output)
    swap(&toService, &service.output)
    move(&service.input, to: &toCaller)
    move(&caller.input, to: &toService)
    let direction = caller.link.isStream ? nil : caller.origin.direction
    let hangups = (caller.sawHangup, service.sawHangup)
    tunnelPlaces += 1
    facts.gauges.tunnels += 1
    let cutCode: HTTP2ErrorCode = caller.exchange.method == .connect ? .connectError : .cancel
    let (callerStream, serviceStream) = (caller.stream, service.stream)
    let t = tunnels.insert(
      Tunnel(
        caller: TunnelEnd(link: caller.takeLink(), stream: callerStream, output: toCaller, sawHangup: hangups.0),
        service: TunnelEnd(link: service.takeLink(), stream: serviceStream, output: toService, sawHangup: hangups.1),
        cluster: c, endpoint: e, direction: direction, cutCode: cutCode))
    watchTunnel(t)
  }

  private mutating func move(_ input: inout ByteBuffer, to output: inout ByteBuffer) {
    output.append(input.span)
    input.removeAll()
    buffers.reclaim(&input)
  }

  private mutating func watchTunnel(_ t: Handle) {
    do {
      for side in [TunnelSide.caller, .service] {
        if tunnels[t][side].link.isStream {
          guard watchTunnelled(t, side) else { return closeTunnel(t, reset: true) }
          continue
        }
        // Peers that vanish say nothing: without this, a tunnel that may be idle for ever would stay for ever.
        try tunnels[t][side].link.setKeepAlive(idle: 60, interval: 10, count: 6)
        try loop.modify(
          tunnels[t][side].link.descriptor, token: t.token(kind: side.tokenKind), [.read, .write, .edgeTriggered])
      }
    } catch {
      return closeTunnel(t, reset: true)  // the kernel does not watch it: nothing would ever wake it
    }
    touchTunnel(t)
    carryOn(t)
  }
}

extension Downstream {
  /// Gives up the connection or stream, which goes on as something else.
  fileprivate consuming func takeLink() -> PeerLink { link }

  /// What the request whose head stands in the input offers of these protocols.
  fileprivate borrowing func offer(_ head: borrowing RequestHead, _ tokens: UpgradeTokens) -> UpgradeOffer {
    tokens.named(by: head.fields, in: input.span).0
  }
}

extension Upstream {
  /// Whether the answer whose head stands in the input names protocols, and only such as were offered.
  fileprivate borrowing func accepts(
    _ offer: UpgradeOffer, _ answer: borrowing ResponseHead, _ tokens: UpgradeTokens
  ) -> Bool {
    let (named, hasOthers) = tokens.named(by: answer.fields, in: input.span)
    return !named.isEmpty && !hasOthers && offer.isSuperset(of: named)
  }

  /// Gives up the connection or stream, which goes on as something else.
  fileprivate consuming func takeLink() -> PeerLink { link }
}
