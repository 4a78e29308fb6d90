import HTTP
import Memory
import MeshProtocol
import Traffic

/// What a request wants to know of its own way (`heddle-explain`).
enum ExplanationWish: UInt8 {
  case none
  /// It goes its way, and the answer carries a `heddle-explain` field that tells it.
  case field
  /// It goes nowhere: the answer is the whole explanation, as JSON.
  case only
}

extension ProxyCore {
  /// Reads the wish of the request in `self.head`: `only`, or anything else for the field.
  mutating func wish(_ h: Handle, in field: Int) -> ExplanationWish {
    guard listeners[downstreams[h].origin.listener].policy.explains else { return .none }
    let value = downstreams[h].copy(head.fields[field].valueRange)
    return equalsIgnoringCase(value.span, "only") ? .only : .field
  }

  // MARK: In the answer's head

  /// The field line that tells the way of this request.
  mutating func explanationLines(_ h: Handle) -> [UInt8] {
    guard downstreams[h].exchange.cluster >= 0 else { return [] }
    var line: [UInt8] = Array("heddle-explain: ".utf8)
    for byte in way(of: downstreams[h].exchange).utf8 {
      if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "%") {
        line.append(byte)
      } else {
        line += "%\(String(byte >> 4, radix: 16))\(String(byte & 15, radix: 16))".utf8
      }
    }
    return line + [0x0d, 0x0a]
  }

  /// `/svc/users; splits users@12 /svc/users=>…; v2 10 %; /#/registry/users-v2; 10.0.0.1:80 (1 of 2 ready)`
  private func way(of exchange: Exchange) -> String {
    let (b, c) = (exchange.binding, exchange.cluster)
    var parts = routeName(exchange).map { ["route \($0)", bindings[b].service] } ?? [bindings[b].service]
    if Int(exchange.leaf) < bindings[b].route.leaves.count {
      for node in explanation(b).trail(to: bindings[b].route.leaves[Int(exchange.leaf)]) { parts += steps(node) }
    }
    parts.append(clusters[c].text)
    parts.append(choice(clusters[c], exchange.endpoint))
    if exchange.resends > 0 { parts.append("sent again \(exchange.resends) times") }
    return parts.joined(separator: "; ")
  }

  /// The HTTP route that named the request.
  private func routeName(_ exchange: Exchange) -> String? {
    exchange.route >= 0 ? uses[exchange.route].route?.name : nil
  }

  private func steps(_ node: ExplainTree) -> [String] {
    var steps: [String] = []
    if let rule = node.rule {
      let id = rule.revision == 0 ? "\(rule.tier) \(rule.id)" : "\(rule.tier) \(rule.id)@\(rule.revision)"
      steps.append(rule.dentry.isEmpty ? id : "\(id) \(rule.dentry)")
    }
    if let share = node.share {
      steps.append("\(node.branch.isEmpty ? "branch" : node.branch) \((share * 10_000).rounded() / 100) %")
    }
    return steps
  }

  private func choice(_ cluster: Cluster, _ e: EndpointIndex) -> String {
    let (ready, total) = cluster.readiness(at: now)
    let slot = cluster.endpoints[Int(e)]
    return "\(slot.endpoint.text) (\(slot.outstanding) under way, the less loaded of two; \(ready) of \(total) ready)"
  }

  private func explanation(_ b: Int32) -> ExplainTree {
    explain(bindings[b].delegation) { name in clusters.find(name).map { clusters[$0].state } ?? .pending }
  }

  // MARK: Instead of an answer

  /// Answers with the whole explanation, once every name on the way has answered. No request is sent, and no turn of a weighted
  /// union is taken.
  mutating func answerExplanation(_ h: Handle, headLength: Int) {
    let b = downstreams[h].exchange.binding
    let pick = pickAside(b)
    if case .pending = pick { return wait(h, b, headLength) }
    var object = JSONObject()
    object.add("name", text: bindings[b].service)
    if let route = routeName(downstreams[h].exchange) { object.add("route", text: route) }
    object.add("revision", number: table.revision)
    object.add("request_rules", text: RequestRules.text(bindings[b].local))
    object.add("pick", text: text(of: pick, b))
    let tree = explanation(b)
    object.add("tree", json: explanationText(tree) { endpointsText($0) })
    respond(h, headLength, json: object.text)
  }

  private func text(of pick: Pick, _ b: Int32) -> String {
    switch pick {
    case .leaf(let leaf):
      let name = bindings[b].route.leaves[leaf].name.description
      let branch = bindings[b].route.leaves[leaf].branch
      return branch.isEmpty ? name : "\(name) (\(branch), by weight: the next request may go elsewhere)"
    case .pending: return "pending"
    case .noRoute(let reason): return "no route: \(reason)"
    case .noEndpoints(let reason): return "no endpoints: \(reason)"
    case .failed(let failure): return failure.description
    }
  }

  private func endpointsText(_ name: String) -> String {
    guard let path = try? Path(parsing: name), let c = clusters.find(path) else { return "[]" }
    return JSONObject.list(
      clusters[c].endpoints.filter { !$0.isFree }.map { slot in
        var object = JSONObject()
        object.add("address", text: slot.endpoint.text)
        object.add("weight", number: slot.endpoint.weight)
        object.add("state", text: slot.stateName(at: now))
        object.add("outstanding", number: slot.outstanding)
        return object.text
      })
  }
}
