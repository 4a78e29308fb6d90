import SystemIO

extension Finding {
  /// The finding as the table takes it: endpoints by canonical address, ascending, each once (the first of several
  /// stays), those that nobody could use left out; reasons of bounded length. Sources are strangers.
  func checked(nameCount: Int, limits: NameLimits) -> Finding {
    switch self {
    case .failed(let reason): return .failed(cut(reason, limits.reasonBytes))
    case .negative(let reason): return .negative(cut(reason, limits.reasonBytes))
    case .bound(var bound):
      if bound.endpoints.count > limits.endpoints {
        return .failed("\(bound.endpoints.count) endpoints, at most \(limits.endpoints) are taken")
      }
      let stated = bound.endpoints.count
      bound.endpoints = usable(bound.endpoints)
      if stated > 0, bound.endpoints.isEmpty {
        return .failed("none of the \(stated) endpoints has a numeric address with a port and a usable weight")
      }
      bound.taken = max(0, min(bound.taken, nameCount))
      return .bound(bound)
    }
  }

  private func usable(_ endpoints: [FoundEndpoint]) -> [FoundEndpoint] {
    var seen: Set<String> = []
    var usable: [FoundEndpoint] = []
    usable.reserveCapacity(endpoints.count)
    for var endpoint in endpoints {
      guard let address = SocketAddress(endpoint.address), address.port > 0, !address.isUnspecified,
        endpoint.weight.isFinite, endpoint.weight >= 0
      else { continue }
      endpoint.address = address.description
      if seen.insert(endpoint.address).inserted { usable.append(endpoint) }
    }
    return usable.sorted { $0.address < $1.address }
  }
}

private func cut(_ text: String, _ limit: Int) -> String {
  text.utf8.count <= limit ? text : String(decoding: text.utf8.prefix(limit), as: UTF8.self) + "…"
}
