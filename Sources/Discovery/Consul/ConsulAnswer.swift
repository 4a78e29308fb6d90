import JSONFormat
import SystemIO

/// Reads what `/v1/health/service/<name>` answers. Pure.
struct ConsulAnswer {
  private let settings: ConsulSettings

  init(_ settings: ConsulSettings) { self.settings = settings }

  /// The finding for a name of `taken` segments. An instance that makes no sense is left out; if all are, the answer is a failure.
  func finding(_ json: JSON, name: String, taken: Int) -> Finding {
    guard let items = json.items else { return .failed("Consul's answer is \(json.kindName), not a list") }
    // Consul answers alike for a service that it does not know and for one whose last instance went.
    if items.isEmpty { return .negative("Consul knows no instance of \(name)") }
    var endpoints: [FoundEndpoint] = []
    var fault: String?
    for item in items {
      do throws(ObjectFault) {
        if let endpoint = try endpoint(item) { endpoints.append(endpoint) }
      } catch { fault = error.text }
    }
    if endpoints.isEmpty, let fault { return .failed("no instance of \(name) makes sense: \(fault)") }
    return .bound(BoundName(taken: taken, endpoints: endpoints))
  }

  /// Nil when its checks are against it.
  private func endpoint(_ item: JSON) throws(ObjectFault) -> FoundEndpoint? {
    guard let service = item["Service"] else { throw ObjectFault("no Service") }
    guard try isWanted(item) else { return nil }
    let own = try service.optionalText("Address") ?? ""
    let node = try item["Node"]?.optionalText("Address") ?? ""
    let chosen = settings.prefersServiceAddress && !own.isEmpty || node.isEmpty ? own : node
    guard let address = SocketAddress(host: chosen, port: UInt16(try service.port("Port"))) else {
      throw ObjectFault("\"\(chosen.prefix(80))\" is no address")
    }
    var endpoint = FoundEndpoint(address: address.description, weight: try weight(service, item))
    endpoint.zone = service["Meta"]?["zone"]?.text ?? item["Node"]?["Meta"]?["zone"]?.text ?? ""
    if settings.transfersMetadata {
      for member in service["Meta"]?.members ?? [] { endpoint.metadata[member.name] = member.value.text }
    }
    return endpoint
  }

  /// The worst of its checks is one of the wanted states.
  private func isWanted(_ item: JSON) throws(ObjectFault) -> Bool {
    var worst = "passing"
    for check in try item.list("Checks") {
      switch try check.optionalText("Status") ?? "" {
      case "passing": break
      case "warning": if worst == "passing" { worst = "warning" }
      default: worst = "critical"  // maintenance is a critical check
      }
    }
    return settings.healthStates.contains(worst)
  }

  /// The largest of its tags' weights where some are configured; else what the registration says for its state.
  private func weight(_ service: JSON, _ item: JSON) throws(ObjectFault) -> Double {
    let tags = try service.list("Tags").compactMap(\.text)
    if let ofTags = settings.weights.filter({ tags.contains($0.tag) }).map(\.weight).max() { return ofTags }
    if !settings.weights.isEmpty { return 1 }
    let isWarning = try item.list("Checks").contains { $0["Status"]?.text == "warning" }
    guard let weight = service["Weights"]?[isWarning ? "Warning" : "Passing"]?.whole, weight >= 0 else { return 1 }
    return Double(weight)
  }
}
