import Traffic

/// An explanation as JSON. `endpoints` gives the JSON list of a concrete name's endpoints.
func explanationText(_ tree: ExplainTree, endpoints: (String) -> String) -> String {
  var object = JSONObject()
  object.add("kind", text: tree.kind.rawValue)
  if !tree.path.isEmpty { object.add("path", text: tree.path) }
  object.add("state", text: tree.state.rawValue)
  object.add("chosen", tree.isChosen)
  if let rule = tree.rule { object.add("rule", json: text(of: rule)) }
  if !tree.branch.isEmpty { object.add("branch", text: tree.branch) }
  if let weight = tree.weight { object.add("weight", number: weight) }
  if let share = tree.share { object.add("share", number: share) }
  if tree.missingShare > 0 { object.add("missing_share", number: tree.missingShare) }
  if !tree.residual.isEmpty { object.add("residual", text: tree.residual) }
  if !tree.reason.isEmpty { object.add("reason", text: tree.reason) }
  if tree.kind == .leaf { object.add("endpoints", json: endpoints(tree.path)) }
  if !tree.children.isEmpty {
    object.add("children", json: JSONObject.list(tree.children.map { explanationText($0, endpoints: endpoints) }))
  }
  return object.text
}

private func text(of rule: ExplainTree.Rule) -> String {
  var object = JSONObject()
  object.add("tier", text: rule.tier)
  object.add("id", text: rule.id)
  object.add("revision", number: rule.revision)
  object.add("dentry", text: rule.dentry)
  return object.text
}
