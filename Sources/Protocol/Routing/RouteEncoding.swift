extension HTTPRoute {
  /// As it travels to proxies. A route without faults comes back from `init(decoding:)` as it was.
  public var wire: Heddle_Mesh_V1_Route {
    var wire = Heddle_Mesh_V1_Route()
    wire.hosts = hosts.map(\.description)
    wire.matches = matches.map(\.wire)
    wire.action = action.wire
    if !requestHeaders.isEmpty { wire.requestHeaders = requestHeaders.wire }
    if !responseHeaders.isEmpty { wire.responseHeaders = responseHeaders.wire }
    wire.created = created
    return wire
  }
}

extension HTTPMatch {
  fileprivate var wire: Heddle_Mesh_V1_RouteMatch {
    var wire = Heddle_Mesh_V1_RouteMatch()
    switch path {
    case .exact(let text): wire.exact = text
    case .prefix(let text): wire.prefix = text
    case .regex(let text): wire.regex = text
    case nil: break
    }
    wire.method = method ?? ""
    wire.headers = headers.map(\.wire)
    wire.query = query.map(\.wire)
    return wire
  }
}

extension FieldMatch {
  fileprivate var wire: Heddle_Mesh_V1_FieldMatch {
    var wire = Heddle_Mesh_V1_FieldMatch()
    wire.name = name
    switch value {
    case .exact(let text): wire.exact = text
    case .regex(let text): wire.regex = text
    case .present: break
    }
    return wire
  }
}

extension HTTPRoute.Action {
  fileprivate var wire: Heddle_Mesh_V1_Route.OneOf_Action {
    switch self {
    case .forward(let path, let rewrite):
      var wire = Heddle_Mesh_V1_Forward()
      wire.to = path.description
      wire.host = rewrite.host ?? ""
      if let edit = rewrite.path { wire.path = edit.wire }
      return .forward(wire)
    case .redirect(let redirect):
      var wire = Heddle_Mesh_V1_Redirect()
      wire.scheme = redirect.scheme ?? ""
      wire.host = redirect.host ?? ""
      wire.port = UInt32(redirect.port ?? 0)
      if let edit = redirect.path { wire.path = edit.wire }
      wire.status = UInt32(redirect.status)
      return .redirect(wire)
    case .respond(let response):
      var wire = Heddle_Mesh_V1_DirectResponse()
      wire.status = UInt32(response.status)
      wire.body = response.body
      wire.contentType = response.contentType
      return .respond(wire)
    }
  }
}

extension PathEdit {
  fileprivate var wire: Heddle_Mesh_V1_PathEdit {
    var wire = Heddle_Mesh_V1_PathEdit()
    switch self {
    case .full(let text): wire.full = text
    case .prefix(let text): wire.prefix = text
    }
    return wire
  }
}

extension HeaderEdits {
  fileprivate var wire: Heddle_Mesh_V1_HeaderEdits {
    var wire = Heddle_Mesh_V1_HeaderEdits()
    wire.set = self.set.map(\.wire)
    wire.add = add.map(\.wire)
    wire.remove = remove
    return wire
  }
}

extension HeaderLine {
  fileprivate var wire: Heddle_Mesh_V1_HeaderLine {
    var wire = Heddle_Mesh_V1_HeaderLine()
    wire.name = name
    wire.value = value
    return wire
  }
}
