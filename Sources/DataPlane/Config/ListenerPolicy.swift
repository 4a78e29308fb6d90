import MeshProtocol
import RPC
import TLS
import Traffic

/// What a listener takes its callers' bytes for.
public enum ListenerProtocol: String, Sendable {
  /// HTTP/2 when a connection begins with its preface (RFC 9113 §3.4), else HTTP/1.1.
  case auto
  case http1
  /// With prior knowledge; anything else is closed.
  case http2
  /// Bytes, whatever they are: each connection goes to a service as it is, also where the service speaks first.
  case tcp
  /// TLS that goes on unopened, to the service of the name that it asks for.
  case tls
  /// Calls, as `CallProtocol` has them.
  case thrift, mux
  case thriftMux = "thriftmux"

  /// What its connections are from their first byte on; nil: a head of HTTP/1.1 comes first, or bytes.
  var session: SessionMachine.Kind? {
    switch self {
    case .http2: .http2
    case .thrift: .calls(.thrift)
    case .mux: .calls(.mux)
    case .thriftMux: .calls(.thriftMux)
    case .auto, .http1, .tcp, .tls: nil
    }
  }

  /// Its connections are what they are declared to be from their first byte on, be it ours or the caller's.
  var isTakenAtOnce: Bool { session != nil || self == .tcp }

  /// What its calls are; nil: it takes none.
  var calls: CallProtocol? { if case .calls(let calls)? = session { calls } else { nil } }

  /// How requests get their names unless the configuration says otherwise.
  var identifiers: [Identifier] { calls == nil ? Identifier.standard : Identifier.calls }
}

extension Identifier {
  /// Where a call says that it wants to go, else `/svc`.
  static let calls = [
    Identifier(.headerPath("\(callNameField)", segments: nil)), Identifier(.fixed(Path(segments: []))),
  ]
}

/// Whose word counts.
public enum ListenerTrust: String, Sendable {
  case always = "true"
  /// `l5d-*` and `heddle-*` fields are taken off requests and answers, those that say for whom a request comes (`x-forwarded-for`)
  /// off requests, and answers that the proxy makes have no body.
  case never = "false"
  /// That of callers with an identity of the mesh; others are as with `never`.
  case mesh
}

/// The application that an inbound listener stands before, and the only place that it forwards to.
public struct InboundApplication: Hashable, Sendable {
  /// Its concrete name, with a numeric address: `/$/inet/127.0.0.1/8080`.
  public let name: Path
  /// Where it listens.
  public var port: UInt16 { name.segments.last.flatMap { UInt16($0.text) } ?? 0 }
  /// What its requests are counted under, a logical name such as `/svc/users`.
  public let service: String
  /// What it speaks.
  public let serviceProtocol: EndpointProtocol
  /// Requests under way at it, in the whole process: 503 `overload` beyond.
  public let inFlight: Int

  public init(name: Path, service: String, serviceProtocol: EndpointProtocol = .automatic, inFlight: Int = 4096) {
    self.name = name
    self.service = service
    self.serviceProtocol = serviceProtocol
    self.inFlight = inFlight
  }
}

/// What a listener believes its callers, and what it lets them decide.
public struct ListenerPolicy: Sendable {
  public var trust = ListenerTrust.always
  /// How requests get their names, the first that gives one. Not asked where there is an application.
  public var identifiers = Identifier.standard
  /// Set for an inbound listener: all its requests go there.
  public var application: InboundApplication?
  public var listenerProtocol = ListenerProtocol.auto
  /// What callers' connections are secured by at first; nil: they are in clear.
  public var security: TLSContext?
  /// Whether a caller may ask with `heddle-explain` why its request goes where it goes.
  public var explains = true
  /// Protocols that a caller's connection may switch to.
  public var upgrades = UpgradeTokens.standard
  /// Whether CONNECT makes a tunnel to a service.
  public var allowsConnect = false
  /// None but callers with an identity of the mesh are taken.
  public var takesMeshOnly = false
  /// Each connection begins with a PROXY protocol header; one without is closed.
  public var expectsProxyHeader = false
  /// Whether services are told who the caller is (`x-forwarded-for`, `x-forwarded-proto`).
  public var tellsCaller = false
  /// The logical name of connections that are neither HTTP nor TLS with a name; nil: they are refused. Not asked where there is an
  /// application, which gets them.
  public var tcpName: Path?
  /// Whether the name of a Thrift call ends in its method.
  public var methodInName = false
  /// Connections come by the kernel's address translation: what no rule names goes where the caller had wanted to connect.
  public var isTransparent = false
  /// Whether TLS that does not end here goes on unopened.
  public var passesTLS = true

  /// The defaults: an outbound listener.
  public init() {}

  /// Which way its requests go.
  public var direction: TrafficDirection { application == nil ? .outbound : .inbound }
}
