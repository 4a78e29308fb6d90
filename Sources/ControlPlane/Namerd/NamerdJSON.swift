import Discovery
import JSONFormat
import MeshProtocol
import SystemIO
import Traffic

/// Trees and addresses in namerd's JSON.
struct NamerdJSON {
  private let found: [Path: DiscoveredName]

  init(_ found: [Path: DiscoveredName]) { self.found = found }

  // MARK: bound trees

  func bound(_ tree: NameTree<ConcreteLeaf>) -> JSON {
    switch tree {
    case .leaf(let leaf): ["type": "leaf", "bound": bound(leaf)]
    case .alt(let trees): ["type": "alt", "alt": .array(trees.map(bound))]
    case .union(let branches):
      [
        "type": "union",
        "union": .array(branches.map { ["weight": .number($0.weight.value), "tree": bound($0.tree)] }),
      ]
    case .fail: ["type": "fail"]
    case .neg: ["type": "neg"]
    case .empty: ["type": "empty"]
    }
  }

  private func bound(_ leaf: ConcreteLeaf) -> JSON {
    let name = BoundName(leaf, found[leaf.name])
    let address = found[leaf.name].map(Self.address) ?? ["type": "pending"]
    return [
      "addr": address, "id": .string(name.id.description), "path": .string(name.residual.description),
    ]
  }

  // MARK: addresses

  static func address(_ name: DiscoveredName) -> JSON {
    switch name.state {
    case .pending: ["type": "pending"]
    case .negative: ["type": "neg"]
    case .failed: ["type": "failed", "cause": .string(name.reason)]
    case .bound: ["type": "bound", "addrs": .array(name.endpoints.compactMap(endpoint)), "meta": [:]]
    }
  }

  private static func endpoint(_ endpoint: FoundEndpoint) -> JSON? {
    guard let address = SocketAddress(endpoint.address) else { return nil }
    var meta: [JSON.Member] = []
    if let authority = endpoint.metadata["authority"] {
      meta.append(.init(name: "authority", value: .string(authority)))
    }
    if endpoint.weight != 1 { meta.append(.init(name: "endpoint_addr_weight", value: .number(endpoint.weight))) }
    return ["ip": .string(address.host), "port": JSON(Int(address.port)), "meta": .object(meta)]
  }

  // MARK: delegation

  func delegated(_ delegation: Delegation) -> JSON { node(delegation.tree, at: delegation.path, by: nil) }

  private func node(_ tree: DelegatedTree, at path: Path, by dentry: Dentry?) -> JSON {
    switch tree {
    case .lookup(let path, let steps): return lookup(path, steps, by: dentry)
    case .alternatives(let trees):
      return .object(
        head("alt", path.description, dentry) + [children("alt", trees.map { node($0, at: path, by: dentry) })])
    case .union(let union):
      let branches = union.branches.map { branch -> JSON in
        ["weight": .number(branch.weight.value), "tree": node(branch.tree, at: path, by: dentry)]
      }
      return .object(head("union", path.description, dentry) + [children("union", branches)])
    case .leaf(let leaf): return self.leaf(leaf, by: dentry)
    case .negative: return .object(head("neg", "~", dentry))
    case .fail: return .object(head("fail", "!", dentry))
    case .empty: return .object(head("empty", "$", dentry))
    case .failure(let failure): return exception(failure.message, path, dentry)
    }
  }

  private func lookup(_ path: Path, _ steps: [DelegationStep], by dentry: Dentry?) -> JSON {
    if steps.isEmpty { return .object(head("neg", path.description, dentry)) }
    if steps.count == 1, case .namer = steps[0].source, let end = end(steps[0].tree, path, dentry) { return end }
    let nodes = steps.flatMap { step -> [JSON] in
      let own = step.dentry ?? dentry
      // Alternatives of one rule stand beside those of the other rules.
      guard steps.count > 1, case .alternatives(let trees) = step.tree else {
        return [node(step.tree, at: path, by: own)]
      }
      return trees.map { node($0, at: path, by: own) }
    }
    if nodes.count == 1 {
      // A tree of the rule's own has the path of the rule's name.
      if nodes[0]["path"]?.text == path.description { return nodes[0] }
      return .object(head("delegate", path.description, dentry) + [.init(name: "delegate", value: nodes[0])])
    }
    return .object(head("alt", path.description, dentry) + [children("alt", nodes)])
  }

  /// What a built-in name is by itself.
  private func end(_ tree: DelegatedTree, _ path: Path, _ dentry: Dentry?) -> JSON? {
    switch tree {
    case .fail: .object(head("fail", path.description, dentry))
    case .empty: .object(head("empty", path.description, dentry))
    case .failure(let failure): exception(failure.message, path, dentry)
    default: nil
    }
  }

  private func leaf(_ leaf: ConcreteLeaf, by dentry: Dentry?) -> JSON {
    let path = leaf.name + leaf.residual
    switch found[leaf.name]?.state {
    case .negative: return .object(head("neg", path.description, dentry))
    case .failed: return exception("error naming \(path): \(found[leaf.name]?.reason ?? "")", path, dentry)
    case nil, .pending: return exception("no answer yet for \(path)", path, dentry)
    case .bound:
      return .object(head("leaf", path.description, dentry) + [.init(name: "bound", value: bound(leaf))])
    }
  }

  private func exception(_ message: String, _ path: Path, _ dentry: Dentry?) -> JSON {
    .object(head("exception", path.description, dentry) + [.init(name: "message", value: .string(message))])
  }

  private func head(_ type: String, _ path: String, _ dentry: Dentry?) -> [JSON.Member] {
    let members: [JSON.Member] = [.init(name: "type", value: .string(type)), .init(name: "path", value: .string(path))]
    return members + (dentry.map { [.init(name: "dentry", value: $0.namerd)] } ?? [])
  }

  private func children(_ name: String, _ nodes: [JSON]) -> JSON.Member { .init(name: name, value: .array(nodes)) }
}

extension DelegationStep {
  fileprivate var dentry: Dentry? {
    if case .rule(let entry) = source { return entry.dentry }
    return nil
  }
}
