/// What is changed of a request's target and host before it goes to the service.
public struct Rewrite: Hashable, Sendable {
  /// The new `Host`.
  public var host: String?
  public var path: PathEdit?

  public init(host: String? = nil, path: PathEdit? = nil) {
    self.host = host
    self.path = path
  }
}

/// Another path; the query stays.
public enum PathEdit: Hashable, Sendable {
  /// The whole path.
  case full(String)
  /// What the matching `path.prefix` took, and nothing behind it.
  case prefix(String)
}

/// An answer that sends the caller elsewhere. What is nil stays as the request has it.
public struct Redirect: Hashable, Sendable {
  /// `http` or `https`.
  public var scheme: String?
  public var host: String?
  public var port: UInt16?
  public var path: PathEdit?
  /// 301, 302, 303, 307 or 308.
  public var status: UInt16

  public init(
    scheme: String? = nil, host: String? = nil, port: UInt16? = nil, path: PathEdit? = nil, status: UInt16 = 302
  ) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.path = path
    self.status = status
  }
}

/// An answer of the route's own.
public struct DirectResponse: Hashable, Sendable {
  /// 200 to 599.
  public var status: UInt16
  public var body: String
  /// Empty: `text/plain; charset=utf-8` when there is a body.
  public var contentType: String

  public init(status: UInt16, body: String = "", contentType: String = "") {
    self.status = status
    self.body = body
    self.contentType = contentType
  }
}

/// Changes to header fields, in this order: `remove`, `set` (in place of all of that name), `add`.
public struct HeaderEdits: Hashable, Sendable {
  public var set: [HeaderLine]
  public var add: [HeaderLine]
  /// Names in lower case.
  public var remove: [String]

  public init(set: [HeaderLine] = [], add: [HeaderLine] = [], remove: [String] = []) {
    self.set = set
    self.add = add
    self.remove = remove
  }

  public var isEmpty: Bool { self.set.isEmpty && add.isEmpty && remove.isEmpty }
}

public struct HeaderLine: Hashable, Sendable {
  /// In lower case.
  public var name: String
  public var value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}
