import HashTreeCollections
import JSONFormat
import MeshProtocol
import SystemIO

/// One endpoint as it was registered.
struct Endpoint: Sendable, Equatable {
  /// As `SocketAddress` prints it.
  let address: String
  let weight: Double
  let zone: String
  let metadata: [String: String]
  /// nil: static, it stays until it is taken away.
  let ttl: Duration?

  static let heaviest = 1_000_000.0
  /// Labels for people and balancers, not a data base.
  static let mostMetadata = 32
  static let longestText = 1024

  /// - Parameter address: from the path; nil when the body names it.
  static func read(_ json: JSON, address: String?, at pointer: Pointer, leased: Bool, _ findings: inout Findings)
    -> Endpoint?
  {
    var fields = Fields(json, at: pointer, &findings)
    let address =
      address
      ?? fields.required("address", longest: 100, &findings).flatMap {
        canonical($0, at: fields.place("address"), &findings)
      }
    let weight = fields.number("weight", 0...heaviest, &findings) ?? 1
    let zone = fields.string("zone", longest: 253, &findings) ?? ""
    let metadata = readMetadata(&fields, &findings)
    let ttl = leased ? fields.duration("ttl", ServiceFields.leaseTimes, &findings) : nil
    fields.finish(answered: answered, &findings)
    guard let address else { return nil }
    return Endpoint(address: address, weight: weight, zone: zone, metadata: metadata, ttl: ttl)
  }

  /// Members of answers that are no members of requests.
  private static let answered: Set<String> = ["state", "expires_in", "endpoints_version", "address", "service"]

  /// `host:port` with a numeric host that can be connected to, in the one form we keep; else a finding.
  static func canonical(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> String? {
    guard let address = SocketAddress(text), address.port != 0 else {
      findings.add(pointer, "must be an address with port, such as \"10.0.0.1:8080\" or \"[::1]:80\"")
      return nil
    }
    guard !address.isUnspecified else {
      findings.add(pointer, "is the unspecified address: nobody can connect to it")
      return nil
    }
    return address.description
  }

  private static func readMetadata(_ fields: inout Fields, _ findings: inout Findings) -> [String: String] {
    var out: [String: String] = [:]
    for member in fields.object("metadata", atMost: mostMetadata, &findings) ?? [] {
      let pointer = fields.place("metadata") / member.name
      guard let text = member.value.text, text.utf8.count <= longestText, member.name.utf8.count <= 253 else {
        findings.add(pointer, "must be a string of at most \(longestText) bytes under a name of at most 253")
        continue
      }
      out[member.name] = text
    }
    return out
  }

  var members: [JSON.Member] {
    var members: [JSON.Member] = [
      .init(name: "address", value: .string(address)), .init(name: "weight", value: .number(weight)),
    ]
    if !zone.isEmpty { members.append(.init(name: "zone", value: .string(zone))) }
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key < $1.key }
      members.append(
        .init(name: "metadata", value: .object(sorted.map { .init(name: $0.key, value: .string($0.value)) })))
    }
    if let ttl { members.append(.init(name: "ttl", value: .string(ttl.configured))) }
    return members
  }

  fileprivate var encoded: EncodedEndpoint {
    EncodedEndpoint(address: address, weight: weight, zone: zone, metadata: metadata)
  }
}

/// A registered service: its endpoints and what proxies get of them.
struct Service: Sendable {
  let name: String
  /// Version of its last change.
  var version: UInt64
  private(set) var endpoints: TreeDictionary<String, Endpoint> = [:]
  private(set) var encoded: TreeDictionary<String, EncodedEndpoint> = [:]
  private(set) var setHash = SetHash.empty

  /// What fits into a message of the mesh stream with room to spare.
  static let mostEndpoints = 5000

  init(name: String, version: UInt64) {
    self.name = name
    self.version = version
  }

  mutating func set(_ address: String, to endpoint: Endpoint?) {
    endpoints[address] = endpoint
    if let old = encoded.removeValue(forKey: address) { setHash.remove(old.hash) }
    guard let endpoint else { return }
    let new = endpoint.encoded
    encoded[address] = new
    setHash.insert(new.hash)
  }
}

extension NamespaceState {
  /// What proxies get of a service; one that does not exist is negative.
  func published(_ service: String) -> ServiceEndpoints {
    let record = services[service]
    return ServiceEndpoints(
      namespace: name, service: service, version: record?.version ?? endpointsVersion,
      endpoints: record?.encoded ?? [:],
      protocol: fields(service).protocol, setHash: record?.setHash ?? .empty, exists: isPresent && hasService(service))
  }
}
