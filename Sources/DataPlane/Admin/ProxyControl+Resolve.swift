import MeshProtocol
import Serving
import SystemIO
import Traffic

/// An explanation that waits for the namers of names that nobody has used yet.
struct Resolution {
  let number: UInt64
  var missing: Set<Path>
  let finish: () -> Void
}

extension ProxyControl {
  /// How long an explanation waits for first answers; names without one are shown as pending.
  static let resolvePatience = Duration.seconds(1)

  /// `/resolve?name=/svc/users[&dtab=…]`: how the name binds here and now, step by step. The proxy's own namers are asked
  /// when nobody has; the controller is not.
  func resolve(_ request: HTTPRequest, then answer: @escaping (HTTPResponse) -> Void) {
    guard let items = request.queryItems, let name = items.first(where: { $0.name == "name" })?.value else {
      return answer(.problem(400, "Give the name: /resolve?name=/svc/users"))
    }
    do {
      let path = try Path(parsing: name)
      let rules = try RequestRules.parse(request: items.filter { $0.name == "dtab" }.map(\.value))
      let delegation = Interpreter.delegate(path, rules: table.rules, local: rules)
      wait(for: announceOwn(delegation.concreteNames)) { [unowned self] in
        answer(.json(explanation(of: path, delegation)))
      }
    } catch {
      answer(.problem(400, error.message))
    }
  }

  private func wait(for missing: Set<Path>, then finish: @escaping () -> Void) {
    if missing.isEmpty { return finish() }
    lastTicket += 1
    let number = lastTicket
    resolutions.append(Resolution(number: number, missing: missing, finish: finish))
    loop.schedule(after: Self.resolvePatience) { [weak self] in self?.finishResolutions { $0.number == number } }
  }

  /// A name has an answer: explanations that waited for nothing else are given.
  func answered(_ name: Path) {
    for index in resolutions.indices { resolutions[index].missing.remove(name) }
    finishResolutions { $0.missing.isEmpty }
  }

  private func finishResolutions(where isDone: (Resolution) -> Bool) {
    let done = resolutions.filter(isDone)
    resolutions.removeAll(where: isDone)
    for resolution in done { resolution.finish() }
  }

  private func explanation(of path: Path, _ delegation: Delegation) -> String {
    var object = JSONObject()
    object.add("name", text: path.description)
    object.add("revision", number: table.revision)
    let tree = explain(delegation) { self.known($0)?.state ?? .pending }
    object.add("tree", json: explanationText(tree) { endpointsView($0) })
    return object.text
  }

  /// What is known of a concrete name, whoever answers it. `nil` = nobody asked for it yet.
  private func known(_ name: Path) -> EndpointSet? {
    if let set = EndpointSet(literal: name) ?? local[name] { return set }
    guard let watched = machine.names[name] else { return nil }
    var unusable = 0
    return EndpointSet(watched.replica, name: name, confirmed: watched.confirmed, unusable: &unusable)
  }

  private func endpointsView(_ name: String) -> String {
    guard let path = try? Path(parsing: name), let set = known(path) else { return "[]" }
    return JSONObject.list(
      set.endpoints.map { endpoint in
        var object = JSONObject()
        object.add("address", text: endpoint.text)
        object.add("weight", number: endpoint.weight)
        if !endpoint.zone.isEmpty { object.add("zone", text: endpoint.zone) }
        return object.text
      })
  }
}
