import HTTP
import Memory
import MeshProtocol
import SystemIO
import TLS
import Traffic

// What a new connection speaks. HTTP is tried first, for that is what nearly all speak: only where the reader of heads finds a fault in
// the first bytes, or where nothing comes, is there a question.

extension ProxyCore {
  /// The connection may turn out to be TCP when it stays as it is.
  mutating func awaitsDetection(_ h: Handle) -> Bool {
    downstreams[h].isFresh && !downstreams[h].link.isStream && listeners[downstreams[h].origin.listener].takesSilence
  }

  /// Whether the first bytes of a connection, in which the reader of heads found this fault, may be a request all the same: then the
  /// fault is answered.
  mutating func mayBeHTTP(_ h: Handle, _ fault: HTTPFault) -> Bool {
    switch listeners[downstreams[h].origin.listener].policy.listenerProtocol {
    case .auto: downstreams[h].firstBytes() == .http1
    case .tls, .tcp, .thrift, .mux, .thriftMux: false
    case .http1, .http2: true
    }
  }

  /// The first bytes are no request. Returns whether the connection moved on.
  mutating func takeOther(_ h: Handle, _ fault: HTTPFault) -> Bool {
    switch downstreams[h].firstBytes() {
    case .undecided:
      awaitMore(h)
      return false
    case .tls where !downstreams[h].link.isSecure: return takeTLS(h, fault)
    default: return takeBytes(h, fault)
    }
  }

  /// Neither HTTP nor TLS.
  private mutating func takeBytes(_ h: Handle, _ fault: HTTPFault) -> Bool {
    guard listeners[downstreams[h].origin.listener].takesBytes else {
      refuse(h, .badRequest, status: fault.status, text: fault.reason.description)
      return downstreams.contains(h)
    }
    beginRaw(h, as: .tcp)
    return false
  }

  /// Nothing that tells has come within the detection time. Returns whether the connection went on as bytes.
  mutating func takeSilence(_ h: Handle) -> Bool {
    guard awaitsDetection(h), downstreams[h].firstBytes() == .undecided else { return false }
    switch downstreams[h].origin.greeting {
    case .none, .declared: downstreams[h].origin.greeting = .none
    case .proxyHeader, .tls, .handshake, .meshHandshake: return false
    }
    beginRaw(h, as: .silent)
    return true
  }

  // MARK: TLS

  private mutating func takeTLS(_ h: Handle, _ fault: HTTPFault) -> Bool {
    let l = downstreams[h].origin.listener
    switch downstreams[h].clientHello() {
    case .needMore:
      awaitMore(h)
      return false
    case .malformed: return takeBytes(h, fault)
    case .complete(let hello):
      if let security = listeners[l].security(for: hello) {
        endTLS(h, by: security.context, isMesh: security.isMesh)
        return true
      }
      guard listeners[l].policy.passesTLS else { return takeBytes(h, fault) }
      passTLS(h, hello)
      return false
    }
  }

  /// What has come does not tell yet; the rest has the header time.
  mutating func awaitMore(_ h: Handle) {
    guard downstreams[h].phase == .idle else { return }
    downstreams[h].phase = .head
    setDeadline(h, in: times.headTime)
  }

  /// TLS ends here. What comes out of it is looked at anew, as what a new connection brings.
  mutating func endTLS(_ h: Handle, by security: TLSContext, isMesh: Bool) {
    facts.recordDetection(downstreams[h].origin.direction, .tls)
    downstreams[h].secure(by: TLSSession(security))
    downstreams[h].origin.greeting = isMesh ? .meshHandshake : .handshake
    downstreams[h].scan = HeadScan()
    downstreams[h].phase = .idle
    setDeadline(h, in: times.headTime)
  }

  /// TLS goes on unopened, to the service of the name that it asks for; without a name, where all bytes go.
  private mutating func passTLS(_ h: Handle, _ hello: ClientHello) {
    let l = downstreams[h].origin.listener
    var name: [UInt8] = []
    let host = Array(hello.serverName.utf8)
    if listeners[l].policy.application == nil, identifyHost(host.span, into: &name),
      let path = Path(labels: ["svc", String(decoding: name, as: UTF8.self)])
    {
      return beginRaw(h, as: .tlsPassthrough, to: path)
    }
    beginRaw(h, as: .tlsPassthrough)
  }

  // MARK: Bytes

  /// The connection goes on as bytes, to where its listener sends such.
  mutating func beginRaw(_ h: Handle, as spoken: DetectedProtocol) {
    beginRaw(h, as: spoken, to: listeners[downstreams[h].origin.listener].policy.tcpName)
  }

  private mutating func beginRaw(_ h: Handle, as spoken: DetectedProtocol, to name: Path?) {
    facts.recordDetection(downstreams[h].origin.direction, spoken)
    downstreams[h].exchange = Exchange()
    downstreams[h].exchange.started = now
    downstreams[h].exchange.isRaw = true
    downstreams[h].exchange.method = .connect
    downstreams[h].exchange.keepAlive = false
    downstreams[h].requestBody = BodyReader(.none)
    guard authorizeBytes(h) else { return }
    guard let b = rawBinding(h, name) else { return fail(h, .unidentified, text: "no name for a connection of bytes") }
    guard tunnelPlaces < tunnelLimit, bindings[b].inFlight < bindings[b].inFlightLimit else {
      return fail(h, .overload, text: "too many connections")
    }
    downstreams[h].exchange.mayTunnel = true
    downstreams[h].phase = .idle
    startRequest(h, b)
    dispatch(h, headLength: 0)
  }

  private mutating func rawBinding(_ h: Handle, _ name: Path?) -> Int32? {
    let l = downstreams[h].origin.listener
    if let application = listeners[l].policy.application { return bind(l, to: application) }
    let original = downstreams[h].origin.original.flatMap { Path(labels: ["svc", $0.description]) }
    return (name ?? original).flatMap { binding(named: Array($0.description.utf8)) }
  }
}
