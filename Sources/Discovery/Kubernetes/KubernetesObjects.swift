import JSONFormat
import SystemIO

/// What a namer needs of one Service.
struct KubernetesService: Equatable {
  struct Port: Equatable {
    /// Empty when the Service has one port and gives it no name.
    let name: String
    let number: Int
  }

  let name: String
  /// TCP ports.
  let ports: [Port]
  /// A mere alias in DNS: it has no endpoints.
  let isExternalName: Bool
  /// Its first family is IPv6.
  let prefersIPv6: Bool
}

/// What a namer needs of one EndpointSlice.
struct KubernetesSlice: Equatable {
  struct Port: Equatable {
    let name: String
    let number: Int
    let serviceProtocol: FoundProtocol?
  }

  struct Endpoint: Equatable {
    enum Condition: Equatable {
      case ready
      /// On its way out and still answering.
      case leaving
    }

    let address: String
    let zone: String
    let condition: Condition
  }

  let name: String
  /// Whose endpoints these are; empty when the slice belongs to no Service.
  let service: String
  let isIPv6: Bool
  /// TCP ports that have a number.
  let ports: [Port]
  /// Those that take requests, or did until just now.
  let endpoints: [Endpoint]
}

/// An object that is not what its API says.
struct ObjectFault: Error, Equatable {
  let text: String
  init(_ text: String) { self.text = text }
}

extension JSON {
  /// An object's `metadata.name`, when it has one.
  var objectName: String? { self["metadata"]?["name"]?.text }

  /// Items of a list that may be absent or, as some writers have it, null.
  func list(_ name: String) throws(ObjectFault) -> [JSON] {
    switch self[name] {
    case nil, .null: return []
    case .array(let items): return items
    case .some(let other): throw ObjectFault("\(name) is \(other.kindName)")
    }
  }

  /// A text that may be absent or null.
  func optionalText(_ name: String) throws(ObjectFault) -> String? {
    switch self[name] {
    case nil, .null: return nil
    case .string(let text): return text
    case .some(let other): throw ObjectFault("\(name) is \(other.kindName)")
    }
  }

  /// A truth value that may be absent or null.
  func optionalTruth(_ name: String) throws(ObjectFault) -> Bool? {
    switch self[name] {
    case nil, .null: return nil
    case .bool(let value): return value
    case .some(let other): throw ObjectFault("\(name) is \(other.kindName)")
    }
  }

  /// A TCP port, 1 … 65535.
  func port(_ name: String) throws(ObjectFault) -> Int {
    guard let number = self[name]?.whole, (1...65_535).contains(number) else {
      throw ObjectFault("\(name) is no port number")
    }
    return Int(number)
  }

  fileprivate var isTCP: Bool { (self["protocol"]?.text ?? "TCP") == "TCP" }
}

extension KubernetesService {
  /// Reads a `v1` Service.
  init(_ object: JSON) throws(ObjectFault) {
    guard let name = object.objectName, let spec = object["spec"] else { throw ObjectFault("no name or no spec") }
    var ports: [Port] = []
    for item in try spec.list("ports") where item.isTCP {
      ports.append(Port(name: try item.optionalText("name") ?? "", number: try item.port("port")))
    }
    self.name = name
    self.ports = ports
    isExternalName = try spec.optionalText("type") == "ExternalName"
    prefersIPv6 = try spec.list("ipFamilies").first?.text == "IPv6"
  }
}

extension KubernetesSlice {
  /// The label that leads from a slice to its Service.
  static let serviceLabel = "kubernetes.io/service-name"

  /// Reads a `discovery.k8s.io/v1` EndpointSlice.
  init(_ object: JSON) throws(ObjectFault) {
    guard let name = object.objectName else { throw ObjectFault("no name") }
    let kind = try object.optionalText("addressType") ?? ""
    guard ["IPv4", "IPv6", "FQDN"].contains(kind) else { throw ObjectFault("addressType is \"\(kind.prefix(20))\"") }
    self.name = name
    service = object["metadata"]?["labels"]?[Self.serviceLabel]?.text ?? ""
    isIPv6 = kind == "IPv6"
    var ports: [Port] = []
    for item in try object.list("ports") where item.isTCP {
      // No number means "all ports", which nobody can be sent to.
      if item["port"] == nil || item["port"] == .null { continue }
      let spoken = FoundProtocol(appProtocol: try item.optionalText("appProtocol") ?? "")
      ports.append(
        Port(name: try item.optionalText("name") ?? "", number: try item.port("port"), serviceProtocol: spoken))
    }
    self.ports = ports
    var endpoints: [Endpoint] = []
    for item in try object.list("endpoints") where kind != "FQDN" {
      if let endpoint = try Endpoint(item) { endpoints.append(endpoint) }
    }
    self.endpoints = endpoints
  }
}

extension KubernetesSlice.Endpoint {
  /// Nil when it takes no requests. Conditions that are not known count as the API says: ready unless told otherwise.
  init?(_ object: JSON) throws(ObjectFault) {
    guard let address = try object.list("addresses").first?.text, SocketAddress(host: address, port: 1) != nil else {
      throw ObjectFault("an endpoint without a numeric address")
    }
    let conditions = object["conditions"] ?? .null
    let isReady = try conditions.optionalTruth("ready") ?? true
    let isServing = try conditions.optionalTruth("serving") ?? isReady
    let isLeaving = try conditions.optionalTruth("terminating") ?? false
    guard isLeaving ? isServing : isReady else { return nil }
    self.address = address
    zone = try object.optionalText("zone") ?? ""
    condition = isLeaving ? .leaving : .ready
  }
}

extension FoundProtocol {
  /// What a port's `appProtocol` says (KEP-3726 and the IANA names).
  init?(appProtocol: String) {
    switch appProtocol.lowercased() {
    case "http", "http/1.1", "kubernetes.io/ws": self = .http1
    case "kubernetes.io/h2c", "h2c", "http2", "grpc": self = .http2
    case "tcp": self = .tcp
    case "thrift": self = .thrift
    case "mux": self = .mux
    case "thriftmux": self = .thriftmux
    default: return nil
    }
  }
}
