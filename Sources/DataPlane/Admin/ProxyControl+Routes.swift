import MeshProtocol
import Traffic

extension ProxyControl {
  /// The HTTP routes that run, by name.
  var httpRoutes: String {
    JSONObject.list(table.routes.routes.map(view(of:)))
  }

  private func view(of route: CompiledRoute) -> String {
    var object = JSONObject()
    object.add("name", text: route.name)
    object.add("revision", number: route.revision)
    object.add("created_in", number: route.route.created)
    object.add("hosts", json: JSONObject.texts(route.route.hosts.map(\.description)))
    object.add("matches", number: route.route.matches.count)
    switch route.route.action {
    case .forward(let path, _): object.add("to", text: path.description)
    case .redirect(let redirect): object.add("redirect", number: UInt64(redirect.status))
    case .respond(let response): object.add("respond", number: UInt64(response.status))
    }
    return object.text
  }
}
