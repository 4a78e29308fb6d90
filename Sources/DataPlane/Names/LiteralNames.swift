import MeshProtocol
import SystemIO

extension EndpointSet {
  /// `/$/inet/…` and its kin with a numeric address, which need nobody's answer; nil for all other names.
  convenience init?(literal name: Path, serviceProtocol: EndpointProtocol = .automatic) {
    guard let address = SocketAddress(literal: name) else { return nil }
    let endpoint = Endpoint(address: address, text: address.description)
    self.init(
      name: name, version: 1, state: .bound, id: name.description, endpoints: [endpoint],
      serviceProtocol: serviceProtocol)
  }
}

extension SocketAddress {
  /// The address that `/$/inet/<port>`, `/$/inet/<host>/<port>` or `/$/io.buoyant.rinet/<port>/<host>` names, when the
  /// host is numeric.
  fileprivate init?(literal name: Path) {
    let segments = name.segments.map(\.text)
    guard segments.count >= 3, segments[0] == "$" else { return nil }
    let (host, port): (String, String)
    switch (segments[1], segments.count) {
    case ("inet", 3), ("fixedinet", 3): (host, port) = ("127.0.0.1", segments[2])
    case ("inet", _), ("fixedinet", _): (host, port) = (segments[2], segments[3])
    case ("io.buoyant.rinet", 4...): (host, port) = (segments[3], segments[2])
    default: return nil
    }
    guard let number = UInt16(port) else { return nil }
    self.init(host: host, port: number)
  }
}
