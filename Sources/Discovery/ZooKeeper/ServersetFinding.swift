/// What a serverset's members come to for one name.
enum ServersetOutcome: Equatable {
  /// No serverset, or none with what is asked for: a shorter front may be one.
  case absent(String)
  /// The first addresses of its hosts are being looked up.
  case awaited
  case finding(Finding)
}

extension ServersetName.Candidate {
  /// - Parameters:
  ///   - address: the address of a host, as far as it is known; of a numeric one itself.
  ///   - isAwaited: it is being looked up for the first time.
  func outcome(
    _ members: [String: ServersetBook.Entry], address: (String) -> String?, isAwaited: (String) -> Bool
  ) -> ServersetOutcome {
    let vectors = members.values.compactMap { if case .vector(let vector) = $0 { vector } else { nil } }
    var endpoints: [FoundEndpoint] = []
    var hasMembers = false
    var unknownHosts = 0
    var isLookingUp = false
    var fault: String?
    for (name, entry) in members.sorted(by: { $0.key < $1.key }) where name.hasPrefix(ServersetBook.memberPrefix) {
      switch entry {
      case .unread, .gone, .vector: continue
      case .broken(let text), .refused(let text): fault = fault ?? "\(name): \(text)"
      case .member(let member):
        guard shard == nil || member.shard == shard, let place = member.place(endpoint) else { continue }
        hasMembers = true
        guard member.isAlive else { continue }
        guard let address = address(place.host) else {
          unknownHosts += 1
          isLookingUp = isLookingUp || isAwaited(place.host)
          continue
        }
        let weight = vectors.reduce(member.weight) { $0 * $1.weight(of: name, member, at: place) }
        endpoints.append(
          FoundEndpoint(
            address: "\(address):\(place.port)", weight: weight, zone: member.metadata["zone"] ?? "",
            metadata: member.metadata))
      }
    }
    if !endpoints.isEmpty { return .finding(.bound(BoundName(taken: taken, endpoints: endpoints))) }
    if isLookingUp { return .awaited }
    if unknownHosts > 0 { return .finding(.failed("no host of \(node) has an address")) }
    if let fault { return .finding(.failed("no member of \(node) makes sense: \(fault)")) }
    return hasMembers ? .finding(.bound(BoundName(taken: taken, endpoints: []))) : .absent("no member of \(wanted)")
  }

  private var wanted: String {
    let part = endpoint.map { " has the endpoint \($0)" } ?? ""
    return node + (shard.map { " in shard \($0)" } ?? "") + part
  }
}
