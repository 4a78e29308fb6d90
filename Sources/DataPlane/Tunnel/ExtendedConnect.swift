import HTTP
import HTTP2
import Memory

// Extended CONNECT (RFC 8441) on both sides. Between them it is the request that offers to switch protocols, and a 101: a caller's is
// changed into it where its frames become text, an endpoint's is made of it where the text becomes frames.

/// How a request that offers to switch protocols goes out over HTTP/2.
enum OfferPassage {
  case undecided
  case extendedConnect
  /// As the request that it is without the offer, which HTTP/1.1 lets a server ignore.
  case dropped
}

extension ProxyCore {
  // MARK: Callers

  /// Whether a caller's extended CONNECT may become a tunnel; otherwise it was answered: there is nothing else that it could be.
  mutating func mayBeTunnel(_ h: Handle, _ offer: UpgradeOffer) -> Bool {
    if offer.isEmpty {
      refuse(h, .badRequest, status: 501, text: "tunnels for this protocol are not offered here")
      return false
    }
    guard head.framing == .none else {
      refuse(h, .badRequest, status: 400, text: "CONNECT has no body")
      return false
    }
    return true
  }

  /// Whether the answer in `self.answer` would tell its caller of a tunnel that there is not: a success of extended CONNECT is one.
  mutating func isNoTunnel(_ h: Handle) -> Bool {
    downstreams[h].link.isStream && (200..<300).contains(answer.statusCode)
  }

  // MARK: Endpoints

  /// Sends the head of a request that offers to switch protocols, once the endpoint has said whether it takes extended CONNECT. Returns
  /// false when the attempt is over.
  mutating func passOffer(_ u: Handle, _ http2: HTTP2Session) -> Bool {
    let (s, h) = (upstreams[u].stream.session, upstreams[u].caller)
    markDirty(s)
    guard sessions[s].isSettled else {
      sessions[s].unsettled.append(u)
      return true
    }
    let isPossible = http2.peerTakesExtendedConnect && upstreams[u].isExtendedConnect && hasHandshake(h)
    if !isPossible, downstreams[h].link.isStream {
      fail(h, .upstreamProtocol, text: "the service takes no extended CONNECT")
      if downstreams.contains(h) { advance(h) }
      return false
    }
    let (isGRPC, offer) = (downstreams[h].exchange.isGRPC, isPossible ? OfferPassage.extendedConnect : .dropped)
    switch upstreams[u].passHead(to: http2, tag: u.bits, isGRPC: isGRPC, offer: offer) {
    case .refused:
      resendRefused(u)
      return false
    case .moved, .offers, .waits: return passRequest(u)  // what follows the head
    }
  }

  /// A WebSocket's caller of HTTP/1.1 must get what its key asks for, which only the proxy can say.
  private mutating func hasHandshake(_ h: Handle) -> Bool {
    let tokens = listeners[downstreams[h].origin.listener].policy.upgrades
    return handshakes.contains(downstreams[h].exchange.handshake)
      || !tokens.includesWebSocket(downstreams[h].exchange.offer)
  }

  /// The endpoint has said what it takes: the requests that waited for that go on.
  mutating func resumeUnsettled(_ s: Handle) {
    var waiting: [Handle] = []
    swap(&waiting, &sessions[s].unsettled)
    for u in waiting { resumeEndpoint(u) }
  }

  /// Writes a success of extended CONNECT as the switch of protocols that it is. Returns false, with nothing written, for any other answer.
  mutating func writeAgreement(_ u: Handle, _ fields: HeaderList) -> Bool {
    guard fields.statusClass == UInt8(ascii: "2") else { return false }
    let h = upstreams[u].caller
    let tokens = listeners[downstreams[h].origin.listener].policy.upgrades
    guard let name = tokens.name(of: downstreams[h].exchange.offer) else { return false }
    let handshake = downstreams[h].exchange.handshake
    let accept = handshakes.contains(handshake) ? handshakes[handshake].accept : nil
    upstreams[u].stream.incoming = .none
    fields.writeSwitch(to: name, accept: accept, into: &upstreams[u].input)
    return true
  }
}

extension Upstream {
  /// Whether extended CONNECT can say what the request in the output says.
  fileprivate var isExtendedConnect: Bool {
    let text = output.span.extracting(sent...)
    return OwnHeadText(request: text, scheme: "http").isExtendedConnect(text)
  }
}
