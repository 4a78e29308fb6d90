import HTTP
import Memory
import MeshProtocol

extension MeshHub {
  func subscribed(_ session: ProxySession, _ subscribe: Heddle_Mesh_V1_Subscribe) {
    guard let proxy = session.proxy else { return }
    let name = subscribe.name
    guard !name.isEmpty, name.utf8.count <= limits.nameBytes else {
      end(session, GRPCStatus(.invalidArgument, "a name is 1 to \(limits.nameBytes) bytes long"), .malformed)
      return
    }
    let held = SetHash(bytes: subscribe.setHash).flatMap { hash in
      subscribe.version > 0 ? ToldEndpoints(version: subscribe.version, hash: hash) : nil
    }
    if let known = proxy.names[name] {
      // A second subscription says that something did not fit; the same state again is only a question.
      if known.told != held { counters.desync(.endpoints) }
    } else if let reason = refusal(of: name, proxy) {
      refuse(session, name, reason)
      return
    } else {
      watches.add(
        session.stream, proxy.key(name), limits: limits, source: source, names: names)
    }
    session.proxy?.names[name] = Proxy.WatchedName(told: held, isStale: false)
    session.proxy?.markStale(name)
    list(session)
  }

  func unsubscribed(_ session: ProxySession, _ name: String) {
    guard let proxy = session.proxy, session.proxy?.names.removeValue(forKey: name) != nil else { return }
    watches.remove(session.stream, proxy.key(name), names: names)
  }

  /// Why this proxy may not watch one more name; names in use stay.
  private func refusal(of name: String, _ proxy: Proxy) -> String? {
    if proxy.names.count >= limits.subscriptions { return "this proxy watches \(limits.subscriptions) names already" }
    let key = proxy.key(name)
    if watches.count >= limits.watchedNames, !watches.contains(key) {
      return "this controller watches \(limits.watchedNames) names already"
    }
    return nil
  }

  private func refuse(_ session: ProxySession, _ name: String, _ reason: String) {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.full = true
    message.state = .failed
    message.reason = reason
    counters.refusedName()
    var unlimited = Int.max
    send(session, Heddle_Mesh_V1_ControlMessage.framed(.endpoints(message)), .endpoints, room: &unlimited)
  }

  /// Puts on the stream the newest state of the names that changed, as far as there is room.
  func pushEndpoints(_ session: ProxySession, room: inout Int) {
    guard var proxy = session.proxy, !proxy.staleNames.isEmpty else { return }
    // Out of the session, so that what is changed below is not also held there.
    session.proxy = nil
    var done = 0
    for name in proxy.staleNames {
      guard room > 0 else { break }
      done += 1
      guard let watched = proxy.names[name], watched.isStale else { continue }
      guard let (framed, told) = watches.message(proxy.key(name), from: watched.told) else { continue }
      send(session, framed, .endpoints, room: &room)
      proxy.names[name] = Proxy.WatchedName(told: told, isStale: false)
    }
    proxy.staleNames.removeFirst(done)
    session.proxy = proxy
  }
}
