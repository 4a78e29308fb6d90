import Discovery
import JSONFormat
import MeshProtocol
import Serving
import Traffic

/// A name asked for over namerd's API, looked at anew whenever something may have changed.
struct NamerdBinding: Sendable {
  private let path: Path
  private let local: [RuleEntry]
  private let namespace: String
  private let api: API

  /// From the route's namespace and the query.
  init(_ call: Call) throws(Problem) {
    guard let path = call.text("path") else { throw .malformed("The query parameter path is missing.") }
    try self.init(path, dtab: call.text("dtab") ?? "", namespace: try call.namespace(), call.api)
  }

  /// From `{"namespace", "path", "dtab"}`.
  init(body call: Call) throws(Problem) {
    let json = try call.json()
    guard let namespace = json["namespace"]?.text, ResourceName.isValid(namespace), let path = json["path"]?.text else {
      throw .malformed("The body must be {\"namespace\", \"path\", \"dtab\"}.")
    }
    try self.init(path, dtab: json["dtab"]?.text ?? "", namespace: namespace, call.api)
  }

  private init(_ path: String, dtab: String, namespace: String, _ api: API) throws(Problem) {
    do throws(NamingError) { self.path = try Path(parsing: path) } catch {
      throw .malformed("Invalid path: \(error.message)")
    }
    do throws(NamingError) { local = try RequestRules.parse(request: [dtab]) } catch {
      throw .malformed("Invalid dtab: \(error.message)")
    }
    self.namespace = namespace
    self.api = api
  }

  /// A namespace that does not exist is as one without rules.
  private func resolution() async -> Resolution {
    let controller = api.controller
    let state =
      controller.state(namespace) ?? .absent(namespace, epoch: controller.epoch, now: controller.clocks.wall())
    return await Resolution.resolve(path, local: local, in: state, names: api.names)
  }

  /// nil while names are pending.
  func bound() async -> JSON? {
    let resolution = await resolution()
    if resolution.explained.state == .pending { return nil }
    guard let tree = resolution.leaves else {
      return ["type": "exception", "message": .string(resolution.failure ?? "naming failed")]
    }
    return NamerdJSON(resolution.found).bound(tree)
  }

  func address() async -> JSON? {
    NamerdJSON.address(await api.names.look(path, from: namespace, within: Resolution.patience))
  }

  /// Of a union one branch, drawn by weight.
  func drawn() async -> JSON? {
    let resolution = await resolution()
    if resolution.explained.state == .pending { return nil }
    guard let leaf = resolution.leaves.flatMap({ Self.draw($0) }), let name = resolution.found[leaf.name] else {
      return ["type": "neg"]
    }
    return NamerdJSON.address(name)
  }

  func delegated() async -> JSON? {
    let resolution = await resolution()
    return NamerdJSON(resolution.found).delegated(resolution.delegation)
  }

  private static func draw(_ tree: NameTree<ConcreteLeaf>) -> ConcreteLeaf? {
    switch tree {
    case .leaf(let leaf): return leaf
    case .union(let branches):
      var rest = Double.random(in: 0..<1) * branches.reduce(0) { $0 + $1.weight.value }
      for branch in branches {
        rest -= branch.weight.value
        if rest < 0 { return draw(branch.tree) }
      }
      return nil
    case .alt, .fail, .neg, .empty: return nil
    }
  }
}

extension Resolution {
  /// The bound tree with the leaves as the rules name them; nil while pending, or failed.
  fileprivate var leaves: NameTree<ConcreteLeaf>? { delegation.boundTree(states: state) }

  /// Why naming failed.
  fileprivate var failure: String? { explained.firstFailure?.reason }
}
