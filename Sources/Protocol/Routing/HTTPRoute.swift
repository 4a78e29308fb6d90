/// A route: which HTTP requests, and what becomes of them. Read and checked (`faults`); patterns are still text, which
/// Traffic compiles.
///
/// The shape follows Gateway API's HTTPRoute with one rule: all of `hosts`, any of `matches`.
public struct HTTPRoute: Hashable, Sendable {
  /// None: every host.
  public var hosts: [HostPattern]
  /// Any of these; none: every request.
  public var matches: [HTTPMatch]
  public var action: Action
  /// Of the request on its way to the service.
  public var requestHeaders: HeaderEdits
  /// Of the answer on its way to the caller, also of one that the route makes itself.
  public var responseHeaders: HeaderEdits
  /// The revision that made a route of this name: of two routes that match alike the older one wins.
  public var created: UInt64

  public enum Action: Hashable, Sendable {
    /// To a logical name, which rules and splits bind.
    case forward(Path, Rewrite)
    case redirect(Redirect)
    case respond(DirectResponse)
  }

  public init(
    hosts: [HostPattern] = [], matches: [HTTPMatch] = [], action: Action, requestHeaders: HeaderEdits = HeaderEdits(),
    responseHeaders: HeaderEdits = HeaderEdits(), created: UInt64 = 0
  ) {
    self.hosts = hosts
    self.matches = matches
    self.action = action
    self.requestHeaders = requestHeaders
    self.responseHeaders = responseHeaders
    self.created = created
  }

  /// The logical name it leads to; nil when it answers itself.
  public var target: Path? {
    if case .forward(let path, _) = action { return path }
    return nil
  }
}

/// A host in its normal form: lower case, without port and trailing dot.
public enum HostPattern: Hashable, Sendable, CustomStringConvertible {
  case exact(String)
  /// `*.` and this: every host with at least one label before it.
  case wildcard(String)

  /// Reads `shop.example.com` or `*.example.com`, in any case.
  public init(_ text: String) {
    let text = text.lowercased()
    self = text.hasPrefix("*.") ? .wildcard(String(text.dropFirst(2))) : .exact(text)
  }

  public var description: String {
    switch self {
    case .exact(let host): host
    case .wildcard(let suffix): "*." + suffix
    }
  }
}

/// What a request must have; everything named must hold.
public struct HTTPMatch: Hashable, Sendable {
  /// nil: every path, as `prefix("/")`.
  public var path: PathMatch?
  /// Methods are case-sensitive (RFC 9110 §9.1). nil: every method.
  public var method: String?
  public var headers: [FieldMatch]
  public var query: [FieldMatch]

  public init(path: PathMatch? = nil, method: String? = nil, headers: [FieldMatch] = [], query: [FieldMatch] = []) {
    self.path = path
    self.method = method
    self.headers = headers
    self.query = query
  }
}

/// Compares with a path in its normal form (`PathForm` in Traffic).
public enum PathMatch: Hashable, Sendable {
  case exact(String)
  /// Whole segments: `/a` takes `/a`, `/a/` and `/a/b`, not `/ab`.
  case prefix(String)
  /// The whole path.
  case regex(String)
}

/// A header or a query parameter by its name, and what its value must be.
public struct FieldMatch: Hashable, Sendable {
  /// Of a header in lower case; of a parameter as it is after decoding.
  public var name: String
  public var value: Value

  public enum Value: Hashable, Sendable {
    case exact(String)
    /// The whole value.
    case regex(String)
    case present
  }

  public init(name: String, value: Value) {
    self.name = name
    self.value = value
  }
}
