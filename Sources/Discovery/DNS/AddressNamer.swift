import MeshProtocol
import SystemIO

/// A host and a port as two segments.
final class AddressNamer: Namer {
  enum Order { case hostFirst, portFirst }

  let segments: Int? = 2
  private let settings: DNSSettings
  private let context: NamerContext
  private let order: Order
  private let client: DNSClient
  private let usesIPv6: Bool

  init(_ settings: DNSSettings, _ context: NamerContext, _ order: Order) {
    self.settings = settings
    self.context = context
    self.order = order
    client = settings.client(context)
    usesIPv6 = settings.usesIPv6
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    let words = order == .hostFirst ? name.segments : name.segments.reversed()
    guard words.count == 2, let port = UInt16(words[1].text), port > 0 else {
      tell(.negative("\(name) has no port from 1 to 65535"))
      return EndedWatch()
    }
    let text = words[0].text
    if let address = SocketAddress(host: text, port: port) {
      tell(.bound(BoundName(taken: 2, endpoints: [FoundEndpoint(address: address.description)])))
      return EndedWatch()
    }
    guard let host = HostName(text) else {
      tell(.negative("\(words[0]) is neither an address nor a host name"))
      return EndedWatch()
    }
    return AddressWatch(
      client, context, settings.policy, host, isAbsolute: text.hasSuffix("."), asksForIPv6: usesIPv6
    ) { tell($0.finding(host: host, port: port, taken: 2)) }
  }
}

extension HostState {
  fileprivate func finding(host: HostName, port: UInt16, taken: Int) -> Finding {
    switch self {
    case .failed(let reason): return .failed("\(host): \(reason)")
    case .unknown(let reason): return .negative("\(host): \(reason)")
    case .addresses(let addresses):
      let endpoints = addresses.compactMap { SocketAddress(host: $0, port: port) }
      return .bound(BoundName(taken: taken, endpoints: endpoints.map { FoundEndpoint(address: $0.description) }))
    }
  }
}
