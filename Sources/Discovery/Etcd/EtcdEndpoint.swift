import JSONFormat
import SystemIO

/// The value of one key: an endpoint, as JSON or as `host:port` alone.
///
/// `{"address": "10.0.0.1:8080", "weight": 0.5, "zone": "a", "metadata": {"authority": "web.example"}}`
enum EtcdEndpoint: Equatable {
  case endpoint(FoundEndpoint)
  /// What is wrong with it.
  case broken(String)

  /// Bytes of one value. Why: an endpoint is small. Larger ones are broken.
  static let limit = 64 << 10

  init(_ value: [UInt8]) {
    guard value.count <= Self.limit else { self = .broken("the value is above \(Self.limit) bytes"); return }
    let text = String(decoding: value, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    if text.count == 1, let address = SocketAddress(String(text[0])), address.port > 0 {
      self = .endpoint(FoundEndpoint(address: address.description))
      return
    }
    do throws(ObjectFault) { self = .endpoint(try Self.read(value)) } catch { self = .broken(error.text) }
  }

  private static func read(_ value: [UInt8]) throws(ObjectFault) -> FoundEndpoint {
    let json: JSON
    do { json = try JSONParser.parse(value) } catch { throw ObjectFault("neither address:port nor JSON") }
    guard let text = try json.optionalText("address"), let address = SocketAddress(text), address.port > 0 else {
      throw ObjectFault("no numeric address with a port")
    }
    var endpoint = FoundEndpoint(address: address.description)
    switch json["weight"] {
    case nil, .null: break
    case .integer(let whole) where whole >= 0: endpoint.weight = Double(whole)
    case .number(let weight) where weight >= 0: endpoint.weight = weight
    case .some: throw ObjectFault("weight is no number from 0")
    }
    endpoint.zone = try json.optionalText("zone") ?? ""
    for member in json["metadata"]?.members ?? [] { endpoint.metadata[member.name] = member.value.text }
    return endpoint
  }
}
