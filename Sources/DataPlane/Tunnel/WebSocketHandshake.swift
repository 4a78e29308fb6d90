import HTTP
import Memory
import TLS

/// What HTTP/1.1 has a WebSocket's service prove, and HTTP/2 does without (RFC 6455 §4, RFC 8441 §5). Where the two sides of a request
/// speak different versions, the proxy is the client of the one or the server of the other.
struct WebSocketHandshake {
  /// `Sec-WebSocket-Accept`, the answer to the request's key.
  let accept: [UInt8]

  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  /// - Parameter key: `Sec-WebSocket-Key` as it stands in the request.
  init(key: [UInt8]) { accept = Array(Base64.encoded(SHA1.digest(key + Self.suffix)).utf8) }

  /// A key for a request whose caller has none.
  static func key(_ a: UInt64, _ b: UInt64) -> [UInt8] {
    let bytes = [a, b].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word &>> ($0 * 8)) } }
    return Array(Base64.encoded(bytes).utf8)
  }
}

extension ProxyCore {
  /// What the request whose head stands in `self.head` offers, as it is written to `u`.
  mutating func writtenOffer(_ h: Handle, on u: Handle) -> (tokens: UpgradeTokens, lines: [UInt8]) {
    let tokens = listeners[downstreams[h].origin.listener].policy.upgrades
    guard tokens.includesWebSocket(downstreams[h].exchange.offer) else { return (tokens, []) }
    if downstreams[h].link.isStream {
      let key = WebSocketHandshake.key(random.next(), random.next())
      downstreams[h].exchange.handshake = handshakes.insert(WebSocketHandshake(key: key))
      return (tokens, Array("sec-websocket-key: ".utf8) + key + Array("\r\n".utf8))
    }
    if upstreams[u].link.isStream, let key = downstreams[h].webSocketKey(head) {
      downstreams[h].exchange.handshake = handshakes.insert(WebSocketHandshake(key: key))
    }
    return (tokens, [])
  }

  /// Whether the answer that stands in `self.answer` proves what the handshake of its request asks for, if the proxy asked.
  mutating func isHandshakeDone(_ u: Handle, _ h: Handle) -> Bool {
    let handshake = downstreams[h].exchange.handshake
    return !handshakes.contains(handshake) || upstreams[u].proves(handshakes[handshake].accept, answer)
  }
}

extension Downstream {
  /// The key of the request whose head stands in the input; nil when it has none, or several.
  fileprivate borrowing func webSocketKey(_ head: borrowing RequestHead) -> [UInt8]? {
    head.fields.soleValue("sec-websocket-key", in: input.span).map { copy($0) }
  }
}

extension Upstream {
  /// Whether the answer whose head stands in the input has this one `Sec-WebSocket-Accept`.
  fileprivate borrowing func proves(_ accept: [UInt8], _ answer: borrowing ResponseHead) -> Bool {
    guard let range = answer.fields.soleValue("sec-websocket-accept", in: input.span) else { return false }
    let value = input.span.extracting(range)
    guard value.count == accept.count else { return false }
    for i in accept.indices where value[i] != accept[i] { return false }
    return true
  }
}

extension FieldTable {
  /// Where the value of the only field of this name stands; nil when there is none, or several.
  fileprivate borrowing func soleValue(_ name: StaticString, in bytes: Span<UInt8>) -> Range<Int>? {
    var found: Range<Int>?
    for i in 0..<count where equalsIgnoringCase(bytes.extracting(self[i].nameRange), name) {
      guard found == nil else { return nil }
      found = self[i].valueRange
    }
    return found
  }
}
