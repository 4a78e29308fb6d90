import JSONFormat

/// What a member of a serverset says of itself, as Twitter's and Aurora's announcers write it:
///
/// `{"serviceEndpoint": {"host": "10.0.0.1", "port": 8080}, "additionalEndpoints": {"admin": {"host": …, "port": …}},
/// "status": "ALIVE", "shard": 0, "metadata": {"weight": "0.5", "zone": "a"}}`
struct ServersetMember: Equatable {
  struct Place: Hashable {
    /// An address or a host name.
    let host: String
    let port: Int
  }

  /// Bytes of one member. Why: one is small. Larger ones make no sense.
  static let limit = 64 << 10

  let service: Place?
  /// By name; those that make no sense are left out and noted in `fault`.
  let additional: [String: Place]
  /// Other states (STARTING, STOPPING, DEAD …) and none take no requests.
  let isAlive: Bool
  let shard: Int64?
  /// Relative share, from 0.
  let weight: Double
  let metadata: [String: String]
  /// What is wrong with a part that the rest can do without.
  let fault: String?

  init(_ value: [UInt8]) throws(ObjectFault) {
    let json = try Self.object(value)
    var faults: [String] = []
    service = try json["serviceEndpoint"].flatMap { json throws(ObjectFault) in try Place(json) }
    var additional: [String: Place] = [:]
    for member in json["additionalEndpoints"]?.members ?? [] {
      do throws(ObjectFault) { additional[member.name] = try Place(member.value) } catch {
        faults.append("endpoint \(member.name): \(error.text)")
      }
    }
    self.additional = additional
    guard service != nil || !additional.isEmpty else { throw ObjectFault("it has no endpoint that makes sense") }
    isAlive = try json.optionalText("status") == "ALIVE"
    shard = json["shard"]?.whole
    var metadata: [String: String] = [:]
    for member in json["metadata"]?.members ?? [] { metadata[member.name] = member.value.text }
    self.metadata = metadata
    let weight = metadata["weight"].map { Double($0) } ?? 1
    if weight.map({ $0.isFinite && $0 >= 0 }) != true { faults.append("metadata.weight is no number from 0") }
    self.weight = weight.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil } ?? 1
    fault = faults.first
  }

  static func object(_ value: [UInt8]) throws(ObjectFault) -> JSON {
    guard value.count <= limit else { throw ObjectFault("it is above \(limit) bytes") }
    let json: JSON
    do { json = try JSONParser.parse(value) } catch { throw ObjectFault("it is no JSON that we take: \(error.detail)") }
    guard case .object = json else { throw ObjectFault("it is \(json.kindName)") }
    return json
  }

  /// Where a name leads: to the endpoint asked for, or to the service's own.
  func place(_ endpoint: String?) -> Place? { endpoint.map { additional[$0] } ?? service }
}

extension ServersetMember.Place {
  init?(_ json: JSON) throws(ObjectFault) {
    if json == .null { return nil }
    guard let host = try json.optionalText("host"), !host.isEmpty else { throw ObjectFault("no host") }
    self.init(host: host, port: try json.port("port"))
  }
}

/// Weights that an operator has put beside the members, in nodes `vector_*`, as Finagle reads them:
///
/// `{"vector": [{"select": "shard=0", "weight": 0.1}, {"select": "member=member_0000000001", "weight": 2},
/// {"select": "inet=10.0.0.1:8080", "weight": 0}]}`
struct ServersetVector: Equatable {
  enum Selector: Equatable {
    case shard(Int64)
    case member(String)
    case place(String)
  }

  private struct Entry: Equatable {
    let selector: Selector
    let weight: Double
  }

  private let entries: [Entry]

  init(_ value: [UInt8]) throws(ObjectFault) {
    let items = try ServersetMember.object(value).list("vector")
    var entries: [Entry] = []
    for item in items {
      guard let selector = Self.selector(try item.optionalText("select") ?? "") else {
        throw ObjectFault("select is none of inet=, member= and shard=")
      }
      entries.append(Entry(selector: selector, weight: try Self.weight(item["weight"])))
    }
    self.entries = entries
  }

  private static func selector(_ text: String) -> Selector? {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return nil }
    switch parts[0] {
    case "inet": return .place(parts[1])
    case "member": return .member(parts[1])
    case "shard": return Int64(parts[1]).map { .shard($0) }
    default: return nil
    }
  }

  private static func weight(_ json: JSON?) throws(ObjectFault) -> Double {
    switch json {
    case nil, .null: return 1
    case .integer(let whole) where whole >= 0: return Double(whole)
    case .number(let weight) where weight >= 0: return weight
    case .some: throw ObjectFault("weight is no number from 0")
    }
  }

  /// The product of all weights that are for this endpoint.
  func weight(of name: String, _ member: ServersetMember, at place: ServersetMember.Place) -> Double {
    entries.reduce(1) { product, entry in
      let isMeant =
        switch entry.selector {
        case .shard(let shard): member.shard == shard
        case .member(let wanted): name == wanted
        case .place(let wanted): "\(place.host):\(place.port)" == wanted
        }
      return isMeant ? product * entry.weight : product
    }
  }
}
