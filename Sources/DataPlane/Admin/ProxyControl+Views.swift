import MeshProtocol
import Serving
import Settings
import SystemIO
import Telemetry
import Traffic

extension ProxyControl {
  /// `/config`: every key with its value and origin, and what of the controller's configuration is in force.
  func configurationView() -> String {
    var object = JSONObject()
    object.add("node", text: start.identity.node)
    object.add("instance", text: start.identity.instance)
    object.add("namespace", text: start.identity.namespace)
    object.add("version", text: ProxyVersion.text)
    object.add("running", json: runningView())
    object.add("controller", json: controllerView())
    object.add(
      "listeners", json: JSONObject.list(zip(start.configuration.listeners, start.addresses).map(view(of:at:))))
    var settings = JSONObject()
    for setting in ProxyKeys.table.settings { settings.add(named: setting.path, json: view(of: setting)) }
    object.add("settings", json: settings.text)
    return object.text
  }

  private func view(of setting: Setting) -> String {
    let values = start.configuration.values
    var object = JSONObject()
    switch setting.kind {
    case .texts: object.add("value", json: JSONObject.texts(values.texts(setting.path)))
    case .pairs:
      var pairs = JSONObject()
      for (key, value) in values.pairs(setting.path).sorted(by: { $0.key < $1.key }) {
        pairs.add(named: key, json: JSONText.quoted(value))
      }
      object.add("value", json: pairs.text)
    case .tree: object.add("value", json: values.tree(setting.path) == nil ? "null" : "\"…\"")
    // A secret shows itself to nobody.
    case .text where setting.path == "identity.join_token":
      object.add("value", json: values.text(setting.path) == nil ? "null" : "\"…\"")
    default: object.add("value", json: values.text(setting.path).map(JSONText.quoted) ?? "null")
    }
    object.add("origin", text: values.origin(setting.path).description)
    return object.text
  }

  private func view(of listener: ListenerConfiguration, at address: SocketAddress) -> String {
    var object = JSONObject()
    object.add("name", text: listener.name)
    object.add("address", text: address.description)
    object.add("direction", text: "\(listener.policy.direction)")
    object.add("protocol", text: listener.policy.listenerProtocol.rawValue)
    object.add("tls", listener.security != nil)
    return object.text
  }

  private func runningView() -> String {
    var object = JSONObject()
    object.add("revision", number: table.revision)
    object.add("epoch", text: hexadecimal(table.epoch))
    object.add("hash", text: hexadecimal(table.hash))
    object.add("generation", number: table.generation)
    object.add("rules", number: table.rules.count)
    object.add("stale", isStale)
    object.add("workers", number: workers.count)
    return object.text
  }

  private func controllerView() -> String {
    var object = JSONObject()
    object.add("connected", link?.controller != nil)
    object.add("address", json: link?.controller.map(JSONText.quoted) ?? "null")
    object.add("last_disconnect", text: lastDisconnect)
    if let lastRefusal {
      var refusal = JSONObject()
      refusal.add("revision", number: lastRefusal.revision)
      refusal.add("errors", json: JSONObject.texts(lastRefusal.errors))
      object.add("last_refusal", json: refusal.text)
    }
    return object.text
  }

  func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// `/routes`: what runs, in order, the strongest last.
  func routesView() -> String {
    var object = JSONObject()
    object.add("revision", number: table.revision)
    object.add("generation", number: table.generation)
    object.add("rules", json: JSONObject.list(table.rules.entries.map(view(of:))))
    object.add("http_routes", json: httpRoutes)
    return object.text
  }

  private func view(of entry: RuleEntry) -> String {
    var object = JSONObject()
    object.add("origin", text: entry.key.description)
    object.add("revision", number: entry.origin.revision)
    object.add("prefix", text: entry.dentry.prefix.description)
    object.add("destination", text: entry.dentry.destination.description)
    if !entry.branches.isEmpty {
      object.add("backends", json: JSONObject.texts(entry.branches))
      object.add("on_unbound", text: entry.onUnbound.rawValue)
    }
    return object.text
  }
}
