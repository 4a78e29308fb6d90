import Discovery
import JSONFormat
import MeshProtocol
import Traffic

/// An explanation (module Traffic) as answers show it, with what was discovered at its leaves.
struct ExplainJSON {
  /// Endpoints shown at a leaf; the count tells of all.
  static let mostEndpoints = 100

  /// Deepest nesting of objects and arrays: about 40 lookups one after another. Names have 2 to 30; loops have 100,
  /// which readers of JSON refuse and nobody wants to see. What is deeper is left out, with the failure that it ends in.
  static let mostNested = 120

  private let found: [Path: DiscoveredName]

  init(_ found: [Path: DiscoveredName]) { self.found = found }

  func node(_ tree: ExplainTree, level: Int = 1) -> JSON {
    if level + 4 > Self.mostNested, !tree.children.isEmpty { return leftOut(tree) }
    return .object(
      [.init(name: "kind", value: .string(tree.kind.rawValue))] + subject(tree)
        + [
          .init(name: "result", value: .string(tree.state.rawValue)),
          .init(name: "chosen", value: .bool(tree.isChosen)),
          .init(name: "part", value: .number(tree.part)),
        ] + text("detail", detail(tree)) + children(tree, level))
  }

  private func leftOut(_ tree: ExplainTree) -> JSON {
    let failure = tree.firstFailure
    return .object(
      [.init(name: "kind", value: .string(tree.state == .failed ? "failure" : tree.kind.rawValue))]
        + text("path", tree.path)
        + text("code", failure?.code ?? "") + [
          .init(name: "result", value: .string(tree.state.rawValue)),
          .init(name: "chosen", value: .bool(tree.isChosen)),
          .init(name: "part", value: .number(tree.part)),
          .init(name: "detail", value: .string("deeper steps are left out" + (failure.map { ": \($0.reason)" } ?? ""))),
        ])
  }

  private func subject(_ tree: ExplainTree) -> [JSON.Member] {
    switch tree.kind {
    case .lookup: text("path", tree.path)
    case .leaf: leaf(tree)
    case .union:
      text("on_unbound", tree.onUnbound?.rawValue ?? "")
        + [.init(name: "missing_share", value: .number(tree.missingShare))]
    case .failure: text("code", tree.code)
    case .alternatives, .negative, .fail, .empty: []
    }
  }

  private func children(_ tree: ExplainTree, _ level: Int) -> [JSON.Member] {
    switch tree.kind {
    case .lookup: [.init(name: "steps", value: .array(tree.children.map { step($0, level + 2) }))]
    case .alternatives: [.init(name: "alternatives", value: .array(tree.children.map { node($0, level: level + 2) }))]
    case .union: [.init(name: "branches", value: .array(tree.children.map { branch($0, level + 2) }))]
    case .leaf, .negative, .fail, .empty, .failure: []
    }
  }

  private func step(_ tree: ExplainTree, _ level: Int) -> JSON {
    .object(
      (tree.rule.map(rule) ?? []) + [
        .init(name: "chosen", value: .bool(tree.isChosen)), .init(name: "part", value: .number(tree.part)),
        .init(name: "tree", value: node(tree, level: level + 1)),
      ])
  }

  private func rule(_ rule: ExplainTree.Rule) -> [JSON.Member] {
    let revision = JSON.Member(name: "revision", value: JSON(rule.revision))
    switch rule.tier {
    case "built-in": return text("by", "namer") + text("namer", rule.id)
    case "rules": return text("by", "rule") + text("rule", rule.id) + [revision] + text("dentry", rule.dentry)
    case "splits": return text("by", "split") + text("split", rule.id) + [revision] + text("dentry", rule.dentry)
    default:
      return text("by", rule.tier) + [.init(name: "index", value: JSON(Int(rule.id) ?? 0))]
        + text("dentry", rule.dentry)
    }
  }

  private func branch(_ tree: ExplainTree, _ level: Int) -> JSON {
    .object(
      text("branch", tree.branch) + [
        .init(name: "weight", value: .number(tree.weight ?? 0)), .init(name: "share", value: .number(tree.share ?? 0)),
        .init(name: "result", value: .string(tree.state.rawValue)), .init(name: "chosen", value: .bool(tree.isChosen)),
        .init(name: "part", value: .number(tree.part)), .init(name: "tree", value: node(tree, level: level + 1)),
      ])
  }

  // MARK: leaves

  private func discovered(_ tree: ExplainTree) -> DiscoveredName? {
    (try? Path(parsing: tree.path)).flatMap { found[$0] }
  }

  /// What was discovered says more than the state alone does.
  private func detail(_ tree: ExplainTree) -> String {
    guard tree.kind == .leaf, let reason = discovered(tree)?.reason, !reason.isEmpty else { return tree.reason }
    if tree.state == .bound { return tree.reason.isEmpty ? reason : "\(tree.reason): \(reason)" }
    // The state's own words come first; what was discovered takes their place, and why nobody comes here stays.
    let rest = tree.reason.firstIndex(of: ";").map { tree.reason[$0...] } ?? ""
    return reason + rest
  }

  private func leaf(_ tree: ExplainTree) -> [JSON.Member] {
    let left = (try? Path(parsing: tree.residual.isEmpty ? "/" : tree.residual)) ?? .root
    var members = text("name", tree.path)
    guard let name = discovered(tree), name.state == .bound else {
      return members + text("residual", left.description) + crossing(tree)
    }
    if name.id != name.name { members += text("id", name.id.description) }
    return members + text("residual", (name.residual + left).description) + crossing(tree) + [
      .init(name: "endpoint_count", value: JSON(name.endpoints.count)),
      .init(name: "endpoints", value: .array(name.endpoints.prefix(Self.mostEndpoints).map(endpoint))),
    ]
  }

  private func crossing(_ tree: ExplainTree) -> [JSON.Member] {
    tree.crossing.map { text("split", $0.split) + text("branch", $0.branch) } ?? []
  }

  private func endpoint(_ endpoint: FoundEndpoint) -> JSON {
    let metadata = endpoint.metadata.sorted { $0.key < $1.key }.map {
      JSON.Member(name: $0.key, value: .string($0.value))
    }
    return .object(
      text("address", endpoint.address) + [.init(name: "weight", value: .number(endpoint.weight))]
        + text("zone", endpoint.zone) + (metadata.isEmpty ? [] : [.init(name: "metadata", value: .object(metadata))]))
  }

  /// No member for an empty text.
  private func text(_ name: String, _ value: String) -> [JSON.Member] {
    value.isEmpty ? [] : [.init(name: name, value: .string(value))]
  }
}

extension ExplainTree {
  /// The failure that `failed` comes from; nil for other states.
  var firstFailure: ExplainTree? {
    if state != .failed { return nil }
    if children.isEmpty { return self }
    // Not `lazy.compactMap(…).first`, which asks each child twice: 2^depth.
    for child in children {
      if let failure = child.firstFailure { return failure }
    }
    return nil
  }
}
