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
        .query("revision", ["type": "integer", "minimum": 1], "The rules as they were at this revision."),
      ], answer: "Resolution"
    ) { (call) throws(Problem) in try call.resolve() }
  ]
}

extension Call {
  /// Longest name and request dtab: what a proxy would take from a header, generously.
  private static let longestName = 8192

  fileprivate func resolve() throws(Problem) -> HTTPResponse {
    let namespace = try namespace()
    let (path, local) = try names()
    let state: NamespaceState
    if let revision = text("revision") {
      guard let revision = UInt64(revision), revision > 0 else {
        throw .malformed("revision must be a whole number from 1.")
      }
      state = try controller.state(namespace, at: revision)
    } else {
      state = try present(namespace)
    }
    let delegation = Interpreter.delegate(path, rules: state.index, local: local)
    let explanation = Explanation(state: state) { controller.state($0) }
    let (tree, verdict) = explanation.explain(delegation.tree)
    return .json(
      200,
      [
        "name": .string(path.description), "namespace": .string(namespace), "revision": JSON(state.revision),
        "result": .string(verdict.rawValue), "tree": tree,
      ], tag: String(state.revision))
  }

  private func names() throws(Problem) -> (Path, [RuleEntry]) {
    guard let text = text("name") else { throw .malformed("The query parameter name is missing.") }
    let dtab = self.text("dtab") ?? ""
    guard text.utf8.count <= Self.longestName, dtab.utf8.count <= Self.longestName else {
      throw .malformed("name and dtab have at most \(Self.longestName) bytes.")
    }
    var findings = Findings()
    let path = NameText.path(text, at: .root / "name", &findings)
    var local: [RuleEntry] = []
    do throws(NamingError) { local = try RequestRules.parse(request: [dtab]) } catch {
      findings.add(.root / "dtab", error)
    }
    guard let path, findings.isEmpty else {
      throw .malformed("The query is not understood: \(findings.faults.first?.detail ?? "")", findings.faults)
    }
    return (path, local)
  }
}

/// A delegation for people: where each step came from, and what is bound now.
struct Explanation {
  let state: NamespaceState
  /// Other namespaces, for `/#/registry.ns/…`.
  let namespace: (String) -> NamespaceState?

  /// What a part of the tree comes to.
  enum Verdict: String { case bound, negative, failed, empty, unavailable }

  /// Endpoints shown at a leaf; the count tells of all.
  static let mostEndpoints = 100

  func explain(_ tree: DelegatedTree) -> (JSON, Verdict) {
    switch tree {
    case .lookup(let path, let steps): lookup(path, steps)
    case .alternatives(let trees): alternatives(trees)
    case .union(let union): self.union(union)
    case .leaf(let leaf): self.leaf(leaf)
    case .negative: (["kind": "negative"], .negative)
    case .fail: (["kind": "fail"], .failed)
    case .empty: (["kind": "empty"], .empty)
    case .failure(let failure):
      (["kind": "failure", "code": .string(failure.code), "detail": .string(failure.message)], .failed)
    }
  }

  private func lookup(_ path: Path, _ steps: [DelegationStep]) -> (JSON, Verdict) {
    let explained = steps.map { (step: $0, result: explain($0.tree)) }
    let chosen = firstChoice(explained.map(\.result.1))
    let items = explained.enumerated().map { i, entry in
      step(entry.step).adding([
        .init(name: "chosen", value: .bool(i == chosen)), .init(name: "tree", value: entry.result.0),
      ])
    }
    let verdict = chosen.map { explained[$0].result.1 } ?? .negative
    var json: JSON = [
      "kind": "lookup", "path": .string(path.description), "result": .string(verdict.rawValue), "steps": .array(items),
    ]
    if steps.isEmpty {
      json = json.adding([.init(name: "detail", value: "no rule matches, and there is no such name")])
    }
    return (json, verdict)
  }

  private func step(_ step: DelegationStep) -> JSON {
    switch step.source {
    case .namer(let name): return ["by": "namer", "namer": .string(name)]
    case .rule(let entry):
      let dentry = JSON.string("\(entry.dentry.prefix) => \(entry.dentry.destination)")
      switch entry.origin {
      case .rule(let id, let revision):
        return ["by": "rule", "rule": .string(id), "revision": JSON(revision), "dentry": dentry]
      case .split(let name, let revision):
        return ["by": "split", "split": .string(name), "revision": JSON(revision), "dentry": dentry]
      case .request(let index): return ["by": "request", "index": JSON(index), "dentry": dentry]
      case .file(let index): return ["by": "file", "index": JSON(index), "dentry": dentry]
      }
    }
  }

  private func alternatives(_ trees: [DelegatedTree]) -> (JSON, Verdict) {
    let explained = trees.map(explain)
    let chosen = firstChoice(explained.map(\.1))
    let items = explained.enumerated().map { i, entry in
      entry.0.adding([.init(name: "chosen", value: .bool(i == chosen))])
    }
    let verdict = chosen.map { explained[$0].1 } ?? .negative
    return (["kind": "alternatives", "result": .string(verdict.rawValue), "alternatives": .array(items)], verdict)
  }

  /// Only what is negative, or lacks too much of a union, falls through to the next.
  private func firstChoice(_ verdicts: [Verdict]) -> Int? {
    verdicts.firstIndex { $0 != .negative && $0 != .unavailable } ?? verdicts.firstIndex { $0 == .unavailable }
  }

  private func union(_ union: DelegatedUnion) -> (JSON, Verdict) {
    let sum = union.branches.reduce(0) { $0 + $1.weight.value }
    let explained = union.branches.map { (branch: $0, result: explain($0.tree)) }
    let share = { (branch: DelegatedUnion.Branch) in sum > 0 ? branch.weight.value / sum : 0 }
    let items = explained.map { entry in
      var members: [JSON.Member] =
        entry.branch.name.isEmpty ? [] : [.init(name: "branch", value: .string(entry.branch.name))]
      members += [
        .init(name: "weight", value: .number(entry.branch.weight.value)),
        .init(name: "share", value: .number(share(entry.branch))),
        .init(name: "result", value: .string(entry.result.1.rawValue)), .init(name: "tree", value: entry.result.0),
      ]
      return JSON.object(members)
    }
    let missing = explained.filter { [.negative, .failed, .unavailable].contains($0.result.1) }.reduce(0) {
      $0 + share($1.branch)
    }
    let isBound = explained.contains { $0.result.1 == .bound || $0.result.1 == .empty }
    let verdict = verdict(isBound: isBound, missing: missing, sum: sum, union.onUnbound)
    let json: JSON = [
      "kind": "union", "on_unbound": .string(union.onUnbound.rawValue), "result": .string(verdict.rawValue),
      "missing_share": .number(missing), "branches": .array(items),
    ]
    return (json.adding(reason(isBound, missing, sum, union.onUnbound)), verdict)
  }

  /// `naming.md`, difference 3.
  private func verdict(isBound: Bool, missing: Double, sum: Double, _ policy: OnUnbound) -> Verdict {
    guard isBound else { return .negative }
    if sum == 0 { return .unavailable }
    return policy == .guard && missing > 0.5 ? .unavailable : .bound
  }

  private func reason(_ isBound: Bool, _ missing: Double, _ sum: Double, _ policy: OnUnbound) -> [JSON.Member] {
    let text: String
    if !isBound {
      text = "no branch is bound"
    } else if sum == 0 {
      text = "all weights are 0: requests get no-endpoints"
    } else if missing == 0 {
      return []
    } else {
      switch policy {
      case .redistribute: text = "the missing share goes to the bound branches"
      case .fail: text = "the missing share fails with no-endpoints"
      case .guard where missing <= 0.5:
        text = "the bound branches hold at least half of the weight, so they take the missing share"
      case .guard:
        text =
          "the bound branches hold less than half of the weight: "
          + "the missing share goes to the next alternative or fails with no-endpoints"
      }
    }
    return [.init(name: "detail", value: .string(text))]
  }

  private func leaf(_ leaf: ConcreteLeaf) -> (JSON, Verdict) {
    var members: [JSON.Member] = [
      .init(name: "kind", value: "leaf"), .init(name: "name", value: .string(leaf.name.description)),
      .init(name: "residual", value: .string(leaf.residual.description)),
    ]
    if !leaf.split.isEmpty {
      members += [.init(name: "split", value: .string(leaf.split)), .init(name: "branch", value: .string(leaf.branch))]
    }
    let (more, verdict) = found(leaf.name)
    return (.object(members + [.init(name: "result", value: .string(verdict.rawValue))] + more), verdict)
  }

  private func found(_ name: Path) -> ([JSON.Member], Verdict) {
    if name.segments.first.map({ $0 == "$" }) ?? false {
      return ([.init(name: "detail", value: "the proxy makes this endpoint itself")], .bound)
    }
    switch ConcreteName(name, askedFrom: state.name, claims: { _ in false }) {
    case .discovered: return ([], .negative)
    case .unknown(let reason): return ([.init(name: "detail", value: .string(reason))], .negative)
    case .registry(let registry):
      let other =
        registry.service.namespace == state.name ? namespace(state.name) : namespace(registry.service.namespace)
      guard let other, other.isPresent, other.hasService(registry.service.service) else {
        return (
          [
            .init(
              name: "detail",
              value: .string("no service \(registry.service.service) in namespace \(registry.service.namespace)"))
          ], .negative
        )
      }
      return (endpoints(other, registry.service.service), .bound)
    }
  }

  private func endpoints(_ state: NamespaceState, _ service: String) -> [JSON.Member] {
    let all = (state.services[service]?.endpoints.values.map { $0 } ?? []).sorted { $0.address < $1.address }
    return [
      .init(name: "endpoint_count", value: JSON(all.count)),
      .init(name: "endpoints", value: .array(all.prefix(Self.mostEndpoints).map { .object($0.members) })),
    ]
  }
}
