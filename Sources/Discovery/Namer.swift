import MeshProtocol

/// Watches names in somebody else's service discovery: one instance for each `namers` entry of the configuration.
///
/// A namer only says what it finds. What holds for all of them stands in one place, `NameTable`: watches are shared,
/// a failure never takes away what was bound, an empty answer is believed only after a grace, versions count up.
/// Everything is called on the discovery thread, and `tell` may be called only there.
public protocol Namer: AnyObject {
  /// Segments after the prefix that make one watch: names that agree in them share it, what follows is residual. Nil:
  /// only the source can tell where a name ends, so each whole name is a watch, and `BoundName.taken` says it.
  var segments: Int? { get }

  /// Begins to watch `name`, the path below the namer's prefix, and says what is known of it: at first as soon as the
  /// source has answered, then whenever that changes. Equal findings in a row do no harm.
  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch
}

/// A name under watch.
public protocol NamerWatch: AnyObject {
  /// Ends the watch; nothing is told afterwards.
  func cancel()
}

/// What a source says of one name.
public enum Finding: Hashable, Sendable {
  case bound(BoundName)
  /// The source knows no such name; the text says what it looked for.
  case negative(String)
  /// The source cannot be asked, refuses, or its answer makes no sense; the text says which, for an operator.
  case failed(String)
}

/// A name that exists, with or without endpoints.
public struct BoundName: Hashable, Sendable {
  /// Segments of the watched name that the source took; the rest is residual. At most as many as the name has.
  public var taken: Int
  /// Each address once.
  public var endpoints: [FoundEndpoint]
  /// What the source declares to be spoken there.
  public var serviceProtocol: FoundProtocol?

  public init(taken: Int, endpoints: [FoundEndpoint], serviceProtocol: FoundProtocol? = nil) {
    self.taken = taken
    self.endpoints = endpoints
    self.serviceProtocol = serviceProtocol
  }
}

/// One place where a name is served.
public struct FoundEndpoint: Hashable, Sendable {
  /// `10.0.0.1:8080` or `[::1]:80`: numeric, with a port from 1.
  public var address: String
  /// Relative share of requests, finite and at least 0; 0 = no new requests.
  public var weight: Double
  /// Failure domain, or empty.
  public var zone: String
  /// What the source says of it besides. `authority` is the host to send instead of the caller's.
  public var metadata: [String: String]

  public init(address: String, weight: Double = 1, zone: String = "", metadata: [String: String] = [:]) {
    self.address = address
    self.weight = weight
    self.zone = zone
    self.metadata = metadata
  }
}

/// What a name's endpoints speak.
public enum FoundProtocol: String, Hashable, Sendable, CaseIterable { case http1, http2, tcp, thrift, mux, thriftmux }
