import HTTP
import Memory
import MeshProtocol
import SystemIO
import Traffic

/// What a request was found to ask for.
enum Identified {
  /// A name that is bound, by the request's own dentries not yet.
  case bound(Int32)
  /// A route that answers by itself.
  case answered(Int32)
  /// No identifier of the listener gave a name.
  case unidentified
  /// Routes of the host look at the path, and this one can be read in more than one way.
  case ambiguous
  /// The table of bindings is full of names in use.
  case full
}

extension ProxyCore {
  /// The name of the request whose head stands in `self.head`.
  ///
  /// Where the host decides and no route of it exists, that is one look-up of the host's bytes as they came; a host with
  /// routes costs the match besides; only a spelling, a route or a name not met before is looked at closely.
  mutating func identify(_ h: Handle) -> Identified {
    let l = downstreams[h].origin.listener
    if listeners[l].hostComesFirst, let slot = downstreams[h].find(head.hostRange, in: listeners[l].hosts),
      listeners[l].hosts[slot].version == table.routes.version, listeners[l].hosts[slot].chain == nil,
      bindings.holds(listeners[l].hosts[slot].binding, listeners[l].hosts[slot].serial)
    {
      return .bound(listeners[l].hosts[slot].binding)
    }
    if let application = listeners[l].policy.application { return .bound(bind(l, to: application)) }
    return identifyByList(h, listeners[l].policy.identifiers)
  }

  /// The binding of an inbound listener's application.
  mutating func bind(_ l: Handle, to application: InboundApplication) -> Int32 {
    let known = listeners[l].application
    if bindings.holds(known.binding, known.serial) { return known.binding }
    let b = makeBinding(of: application)
    listeners[l].application = (b, bindings[b].serial)
    return b
  }

  private mutating func identifyByList(_ h: Handle, _ identifiers: [Identifier]) -> Identified {
    for identifier in identifiers {
      if let found = identifier.kind == .routes ? matchRoute(h) : bind(h, by: identifier) { return found }
    }
    return .unidentified
  }

  // MARK: Routes

  private mutating func matchRoute(_ h: Handle) -> Identified? {
    let l = downstreams[h].origin.listener
    guard let slot = hostSlot(h, l), let chain = listeners[l].hosts[slot].chain else { return nil }
    switch downstreams[h].findRoute(chain, head, &scratch) {
    case .none: return nil
    case .ambiguous: return .ambiguous
    case .found(let match):
      guard let use = uses.find(match.route, in: table.routes) else { return nil }
      downstreams[h].exchange.route = use
      downstreams[h].exchange.takenSegments = match.segments
      guard let target = uses[use].route?.route.target else { return .answered(use) }
      return bind(use, to: target)
    }
  }

  private mutating func bind(_ use: Int32, to target: Path) -> Identified {
    if bindings.holds(uses[use].binding, uses[use].serial) { return .bound(uses[use].binding) }
    guard let b = binding(named: Array(target.description.utf8)) else { return .full }
    uses[use].binding = b
    uses[use].serial = bindings[b].serial
    return .bound(b)
  }

  // MARK: Other identifiers

  private mutating func bind(_ h: Handle, by identifier: Identifier) -> Identified? {
    if identifier.isHost {
      let l = downstreams[h].origin.listener
      guard let slot = hostSlot(h, l) else { return nil }
      let known = (listeners[l].hosts[slot].binding, listeners[l].hosts[slot].serial)
      if bindings.holds(known.0, known.1) { return .bound(known.0) }
      guard let b = bind(h, anew: identifier) else { return nil }
      if case .bound(let b) = b {
        listeners[l].hosts[slot].binding = b
        listeners[l].hosts[slot].serial = bindings[b].serial
      }
      return b
    }
    return bind(h, anew: identifier)
  }

  private mutating func bind(_ h: Handle, anew identifier: Identifier) -> Identified? {
    switch downstreams[h].identify(identifier, head, &scratch, &name) {
    case .none: return nil
    case .ambiguous: return .ambiguous
    case .name(let consumed):
      guard let b = bindings.find(name.span) ?? binding(named: name) else { return .full }
      downstreams[h].exchange.takenSegments = consumed
      return .bound(b)
    }
  }

  /// The binding of a name as dtabs write it, made if there is none; nil when the table is full.
  mutating func binding(named text: [UInt8]) -> Int32? {
    if let known = bindings.find(text.span) { return known }
    guard let path = try? Path(parsing: String(decoding: text, as: UTF8.self)) else { return nil }
    return makeBinding(key: text, path: path, local: [])
  }

  // MARK: Hosts

  /// What is known of the request's host; nil when it is no name.
  private mutating func hostSlot(_ h: Handle, _ l: Handle) -> Int32? {
    let known = downstreams[h].find(head.hostRange, in: listeners[l].hosts)
    if let known, listeners[l].hosts[known].version == table.routes.version { return known }
    guard downstreams[h].identify(head.hostRange, into: &name) else { return nil }
    let asksRoutes = listeners[l].policy.identifiers.contains { $0.kind == .routes }
    let chain = asksRoutes ? table.routes.chain(forHost: String(decoding: name, as: UTF8.self)) : nil
    if let known {
      listeners[l].hosts[known].version = table.routes.version
      listeners[l].hosts[known].chain = chain
      return known
    }
    let spelling = downstreams[h].copy(head.hostRange)
    return listeners[l].hosts.insert(spelling.span, HostSlot(version: table.routes.version, chain: chain))
  }
}

extension [Identifier] {
  /// Whether the host's bytes can decide alone when no route of it exists: nothing else is asked before.
  var beginsWithHost: Bool { first { $0.kind != .routes }?.isHost ?? false }
}

extension [Identifier] {
  /// Why none of them gave a name, for the caller.
  var reasons: String {
    map { identifier in
      switch identifier.kind {
      case .routes: "no route matches"
      case .header("host"): "the Host field is no name"
      case .header(let name): "no usable \(name) field"
      case .methodAndHost: "the Host field is no name"
      case .path(let segments, _): "the path has fewer than \(segments) segments"
      case .headerPath(let name, _): "no path in a \(name) field"
      case .fixed: "the name is too long"
      }
    }.joined(separator: "; ")
  }
}
