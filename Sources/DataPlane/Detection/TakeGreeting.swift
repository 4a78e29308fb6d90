import HTTP
import Memory
import SystemIO
import TLS
import Traffic

// What must come before a caller is listened to: whom a load balancer connects for, TLS where nothing else is taken, who the caller is.

extension ProxyCore {
  /// Looks at the greeting that is due. Returns whether the connection moved on.
  mutating func takeGreeting(_ h: Handle) -> Bool {
    switch downstreams[h].origin.greeting {
    case .none: true
    case .proxyHeader: takeProxyHeader(h)
    case .tls: takeRequiredTLS(h)
    case .declared: takeDeclared(h)
    case .handshake: takeHandshake(h)
    case .meshHandshake: takeMeshHandshake(h)
    }
  }

  // MARK: PROXY protocol

  private mutating func takeProxyHeader(_ h: Handle) -> Bool {
    switch downstreams[h].proxyHeader() {
    case .needMore: return false  // it has the header time from the start
    case .malformed:
      facts.recordBadProxyHeader()
      closeDownstream(h, reset: true)
      return false
    case .complete(let header, let length):
      downstreams[h].input.removeFirst(length)
      if let source = header.source { downstreams[h].origin.caller = SocketAddress(source) }
      return beginBehindHeader(h)
    }
  }

  /// What follows the header of a load balancer is a new connection.
  private mutating func beginBehindHeader(_ h: Handle) -> Bool {
    let l = downstreams[h].origin.listener
    downstreams[h].origin.greeting = listeners[l].greetingBehindHeader
    if downstreams[h].origin.greeting != .none { return !downstreams[h].input.isEmpty }
    if listeners[l].meshSecurity == nil, let security = listeners[l].security {
      downstreams[h].secure(by: TLSSession(security))
    }
    guard listeners[l].policy.listenerProtocol.isTakenAtOnce else { return true }
    beginDeclared(h)
    return false
  }

  /// The connection speaks what its listener declares.
  private mutating func beginDeclared(_ h: Handle) {
    downstreams[h].origin.greeting = .none
    if let kind = listeners[downstreams[h].origin.listener].policy.listenerProtocol.session {
      beginSession(h, kind)
    } else {
      beginRaw(h, as: .declared)
    }
  }

  /// What the listener declares, unless it is TLS of a caller of the mesh.
  private mutating func takeDeclared(_ h: Handle) -> Bool {
    if downstreams[h].beginsLikeTLS {
      switch downstreams[h].clientHello() {
      case .needMore:
        awaitMore(h)
        return false
      case .malformed: break
      case .complete(let hello):
        if let security = listeners[downstreams[h].origin.listener].security(for: hello) {
          endTLS(h, by: security.context, isMesh: security.isMesh)
          return true
        }
      }
    }
    beginDeclared(h)
    return false
  }

  // MARK: TLS

  /// Nothing but TLS that ends here is taken.
  private mutating func takeRequiredTLS(_ h: Handle) -> Bool {
    switch downstreams[h].firstBytes() {
    case .undecided:
      awaitMore(h)
      return false
    case .tls: break
    case .http1, .http2, .other: return refuseClear(h)
    }
    switch downstreams[h].clientHello() {
    case .needMore:
      awaitMore(h)
      return false
    case .malformed: return refuseClear(h)
    case .complete(let hello):
      let l = downstreams[h].origin.listener
      guard let security = listeners[l].security(for: hello), security.isMesh || !listeners[l].policy.takesMeshOnly
      else {
        return refuseClear(h)
      }
      endTLS(h, by: security.context, isMesh: security.isMesh)
      return true
    }
  }

  private mutating func refuseClear(_ h: Handle) -> Bool {
    facts.recordTLSFault(.notTLS)
    closeDownstream(h, reset: true)
    return false
  }

  /// A handshake by the listener's own certificates: what comes out of it is what the listener takes.
  private mutating func takeHandshake(_ h: Handle) -> Bool {
    guard downstreams[h].link.isEstablished else { return false }
    downstreams[h].origin.greeting = .none
    guard listeners[downstreams[h].origin.listener].policy.listenerProtocol.isTakenAtOnce else { return true }
    beginDeclared(h)
    return false
  }

  /// A handshake with a caller of the mesh: at its end both who it is and what it speaks are known.
  private mutating func takeMeshHandshake(_ h: Handle) -> Bool {
    guard downstreams[h].link.isEstablished else { return false }
    downstreams[h].origin.greeting = .none
    let l = downstreams[h].origin.listener
    if let uri = downstreams[h].link.peerURI { downstreams[h].origin.identity = identities.index(of: uri) }
    if listeners[l].policy.trust == .mesh { downstreams[h].origin.isTrusted = downstreams[h].origin.identity >= 0 }
    // What a proxy speaks to a proxy is between the two, whatever other callers speak here.
    switch downstreams[h].link.applicationProtocol {
    case "h2": beginSession(h, .http2)
    case MeshCredentials.bytes:
      if let kind = listeners[l].policy.listenerProtocol.session, kind != .http2 {
        beginSession(h, kind)
      } else {
        beginRaw(h, as: .declared)
      }
    default: return true
    }
    return false
  }
}
