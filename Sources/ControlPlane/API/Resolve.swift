import Discovery
import JSONFormat
import MeshProtocol
import Serving
import Traffic

extension API {
  static let resolveRoutes: [Route] = [
    Route(
      "GET", "/v1/namespaces/{ns}/resolve", id: "resolve",
      "How a name binds: the tree step by step, each step with the rule and revision that made it, "
        + "endpoints at the leaves.",
      [
        .query("name", ["type": "string"], "A logical name, such as /svc/users.", required: true),
        .query("dtab", ["type": "string"], "Rules of the request (l5d-dtab) on top."),
        .query("context", ["type": "string"], "Rules of the calls before (l5d-ctx-dtab), below those of the request."),
        .query(
          "revision", ["type": "integer", "minimum": 1],
          "The rules as they were at this revision, with what is discovered now."),
      ], answer: "Resolution"
    ) { (call) async throws(Problem) in try await call.resolve() }
  ]
}

/// A name with the rules of one namespace and of a request, followed to its end.
struct Resolution: Sendable {
  let delegation: Delegation
  let found: [Path: DiscoveredName]

  /// How long a namer that was not asked before may take; then its name is pending in the answer.
  static let patience = Duration.seconds(1)

  static func resolve(
    _ path: Path, local: [RuleEntry], in state: NamespaceState, names: any NameDirectory
  ) async -> Resolution {
    let delegation = Interpreter.delegate(path, rules: state.index, local: local)
    let found = await names.look(delegation.concreteNames, from: state.name, within: patience)
    return Resolution(delegation: delegation, found: found)
  }

  func state(_ name: Path) -> NameState { found[name]?.state.naming ?? .pending }

  var explained: ExplainTree { explain(delegation, states: state) }
  /// What Finagle's tools would print; nil while pending, or failed.
  var boundTree: NameTree<BoundName>? { delegation.boundTree(states: state)?.map { BoundName($0, found[$0.name]) } }
}

/// A concrete name that is bound: the part that its namer took, and all that is left.
struct BoundName: Hashable, Sendable, CustomStringConvertible {
  let id: Path
  let residual: Path

  init(_ leaf: ConcreteLeaf, _ found: DiscoveredName?) {
    id = found?.id ?? leaf.name
    residual = (found?.residual ?? .root) + leaf.residual
  }

  var description: String { residual.isRoot ? id.description : "\(id) + \(residual)" }
}

extension DiscoveredName.State {
  var naming: NameState {
    switch self {
    case .pending: .pending
    case .negative: .negative
    case .bound: .bound
    case .failed: .failed
    }
  }
}

extension Call {
  /// Longest name and request dtab: what a proxy would take from a header, generously.
  private static let longestName = 8192

  fileprivate func resolve() async throws(Problem) -> HTTPResponse {
    let namespace = try namespace()
    let (path, local) = try names()
    let state = try asked(namespace)
    let resolution = await Resolution.resolve(path, local: local, in: state, names: api.names)
    let tree = resolution.explained
    var members: [JSON.Member] = [
      .init(name: "name", value: .string(path.description)), .init(name: "namespace", value: .string(namespace)),
      .init(name: "revision", value: JSON(state.revision)),
      .init(name: "result", value: .string(tree.state.rawValue)),
    ]
    if let bound = resolution.boundTree { members.append(.init(name: "bound", value: .string(bound.description))) }
    members.append(.init(name: "tree", value: ExplainJSON(resolution.found).node(tree)))
    return .json(200, .object(members), tag: String(state.revision))
  }

  private func asked(_ namespace: String) throws(Problem) -> NamespaceState {
    guard let revision = text("revision") else { return try present(namespace) }
    guard let revision = UInt64(revision), revision > 0 else {
      throw .malformed("revision must be a whole number from 1.")
    }
    return try controller.state(namespace, at: revision)
  }

  private func names() throws(Problem) -> (Path, [RuleEntry]) {
    guard let text = text("name") else { throw .malformed("The query parameter name is missing.") }
    var findings = Findings()
    let path = try shortEnough(text).flatMap { NameText.path($0, at: .root / "name", &findings) }
    let local = try local("context", .context, &findings) + local("dtab", .request, &findings)
    guard let path, findings.isEmpty else {
      throw .malformed("The query is not understood: \(findings.faults.first?.detail ?? "")", findings.faults)
    }
    return (path, local)
  }

  private func local(_ parameter: String, _ tier: RuleTier, _ findings: inout Findings) throws(Problem) -> [RuleEntry] {
    var rules: [RuleEntry] = []
    guard let text = try shortEnough(text(parameter)) else { return [] }
    do throws(NamingError) { try RequestRules.append(text, tier: tier, to: &rules) } catch {
      findings.add(.root / parameter, error)
    }
    return rules
  }

  private func shortEnough(_ text: String?) throws(Problem) -> String? {
    guard (text?.utf8.count ?? 0) <= Self.longestName else {
      throw .malformed("name, dtab and context have at most \(Self.longestName) bytes.")
    }
    return text
  }
}
