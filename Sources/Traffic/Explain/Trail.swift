import MeshProtocol

extension ExplainTree {
  /// The nodes from this one to a leaf that requests reach: every rule and branch taken. Empty when the leaf is not below.
  public func trail(to leaf: RouteLeaf) -> [ExplainTree] {
    var trail: [ExplainTree] = []
    let residual = leaf.residual.isRoot ? "" : leaf.residual.description
    return find(leaf.name.description, residual, leaf.crossings.map(\.branch)[...], &trail) ? trail : []
  }

  /// - Parameter branches: of the splits still to be crossed.
  private func find(
    _ name: String, _ residual: String, _ branches: ArraySlice<String>, _ trail: inout [ExplainTree]
  ) -> Bool {
    var branches = branches
    if !branch.isEmpty {
      guard branch == branches.first else { return false }
      branches = branches.dropFirst()
    }
    trail.append(self)
    if kind == .leaf, path == name, self.residual == residual, branches.isEmpty { return true }
    for child in children where child.find(name, residual, branches, &trail) { return true }
    trail.removeLast()
    return false
  }
}
