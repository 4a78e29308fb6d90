import SwiftProtobuf

extension HTTPRoute {
  /// Reads and checks an encoded `Route`; patterns are left to who compiles them.
  init(decoding bytes: some SwiftProtobufContiguousBytes, _ identity: ResourceIdentity) throws(ResourceFault) {
    let wire: Heddle_Mesh_V1_Route
    do { wire = try Heddle_Mesh_V1_Route(serializedBytes: bytes) } catch {
      throw ResourceFault(identity: identity, message: "its body is not an encoded Route")
    }
    guard let action = wire.action else { throw ResourceFault(identity: identity, message: "has no action") }
    self.init(
      hosts: wire.hosts.map { HostPattern($0) }, matches: wire.matches.map(HTTPMatch.init),
      action: try Action(action, identity), requestHeaders: HeaderEdits(wire.requestHeaders),
      responseHeaders: HeaderEdits(wire.responseHeaders), created: wire.created)
    if let fault = faults.first { throw ResourceFault(identity: identity, message: fault.description) }
  }
}

extension HTTPMatch {
  fileprivate init(_ wire: Heddle_Mesh_V1_RouteMatch) {
    self.init(
      path: wire.path.map(PathMatch.init), method: wire.method.isEmpty ? nil : wire.method,
      headers: wire.headers.map(FieldMatch.init), query: wire.query.map(FieldMatch.init))
  }
}

extension PathMatch {
  fileprivate init(_ wire: Heddle_Mesh_V1_RouteMatch.OneOf_Path) {
    switch wire {
    case .exact(let text): self = .exact(text)
    case .prefix(let text): self = .prefix(text)
    case .regex(let text): self = .regex(text)
    }
  }
}

extension FieldMatch {
  fileprivate init(_ wire: Heddle_Mesh_V1_FieldMatch) {
    switch wire.value {
    case .exact(let text): self.init(name: wire.name, value: .exact(text))
    case .regex(let text): self.init(name: wire.name, value: .regex(text))
    case nil: self.init(name: wire.name, value: .present)
    }
  }
}

extension HTTPRoute.Action {
  fileprivate init(_ wire: Heddle_Mesh_V1_Route.OneOf_Action, _ identity: ResourceIdentity) throws(ResourceFault) {
    switch wire {
    case .forward(let forward):
      let path: Path
      do { path = try Path(parsing: forward.to) } catch {
        throw ResourceFault(identity: identity, message: "to: \(error.message)")
      }
      self = .forward(
        path, Rewrite(host: forward.host.isEmpty ? nil : forward.host, path: PathEdit(forward.path)))
    case .redirect(let redirect):
      guard let port = UInt16(exactly: redirect.port), let status = UInt16(exactly: redirect.status) else {
        throw ResourceFault(identity: identity, message: "redirect: its port or status is no such number")
      }
      self = .redirect(
        Redirect(
          scheme: redirect.scheme.isEmpty ? nil : redirect.scheme, host: redirect.host.isEmpty ? nil : redirect.host,
          port: port == 0 ? nil : port, path: PathEdit(redirect.path), status: status))
    case .respond(let response):
      guard let status = UInt16(exactly: response.status) else {
        throw ResourceFault(identity: identity, message: "respond: its status is no such number")
      }
      self = .respond(DirectResponse(status: status, body: response.body, contentType: response.contentType))
    }
  }
}

extension PathEdit {
  fileprivate init?(_ wire: Heddle_Mesh_V1_PathEdit) {
    switch wire.edit {
    case .full(let text): self = .full(text)
    case .prefix(let text): self = .prefix(text)
    case nil: return nil
    }
  }
}

extension HeaderEdits {
  fileprivate init(_ wire: Heddle_Mesh_V1_HeaderEdits) {
    self.init(
      set: wire.set.map { HeaderLine(name: $0.name, value: $0.value) },
      add: wire.add.map { HeaderLine(name: $0.name, value: $0.value) }, remove: wire.remove)
  }
}
