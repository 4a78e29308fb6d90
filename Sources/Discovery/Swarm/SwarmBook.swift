import JSONFormat
import SystemIO

/// What is known of a Docker swarm: services with the addresses of their running tasks. Pure: made anew of each answer.
struct SwarmBook: Equatable {
  struct Port: Equatable {
    let name: String
    /// In the container, and on the node when it is published there.
    let target: Int
    let published: Int
  }

  struct Task: Equatable {
    /// On a network of containers; empty when it has none.
    let address: String
    /// Ports published on its own node, and that node's address.
    let node: String
    let hostPorts: [Port]
  }

  struct Service: Equatable {
    var ports: [Port]
    var tasks: [Task] = []
    var broken: String?
  }

  /// By name; the names of stacks' services have the stack's in front: `shop_web`.
  private(set) var services: [String: Service] = [:]

  /// - Parameters:
  ///   - network: whose addresses are taken; the first that is not the ingress network when nil.
  init(services: JSON, tasks: JSON, nodes: JSON, network: String?) throws(ObjectFault) {
    guard let services = services.items, let tasks = tasks.items, let nodes = nodes.items else {
      throw ObjectFault("services, tasks and nodes are lists")
    }
    var names: [String: String] = [:]
    for item in services {
      guard let id = item["ID"]?.text, let name = item["Spec"]?["Name"]?.text else { continue }
      names[id] = name
      self.services[name] = Self.service(item)
    }
    var addresses: [String: String] = [:]
    for node in nodes {
      if let id = node["ID"]?.text, let address = node["Status"]?["Addr"]?.text { addresses[id] = address }
    }
    for item in tasks {
      guard let name = item["ServiceID"]?.text.flatMap({ names[$0] }), Self.isRunning(item) else { continue }
      do throws(ObjectFault) {
        self.services[name]?.tasks.append(try Self.task(item, addresses, network))
      } catch { self.services[name]?.broken = error.text }
    }
  }

  private static func service(_ item: JSON) -> Service {
    do throws(ObjectFault) {
      return Service(
        ports: try (item["Endpoint"] ?? .null).list("Ports").map { item throws(ObjectFault) in try port(item) })
    } catch { return Service(ports: [], broken: error.text) }
  }

  private static func port(_ item: JSON) throws(ObjectFault) -> Port {
    let published = item["PublishedPort"] == nil ? 0 : try item.port("PublishedPort")
    return Port(name: try item.optionalText("Name") ?? "", target: try item.port("TargetPort"), published: published)
  }

  private static func isRunning(_ item: JSON) -> Bool {
    item["Status"]?["State"]?.text == "running" && item["DesiredState"]?.text == "running"
  }

  private static func task(_ item: JSON, _ nodes: [String: String], _ network: String?) throws(ObjectFault) -> Task {
    let attachment = try item.list("NetworksAttachments").first { attachment in
      let spec = attachment["Network"]?["Spec"]
      let name = spec?["Name"]?.text ?? ""
      return network.map { $0 == name } ?? (spec?["Ingress"]?.truth != true && name != "ingress")
    }
    var address = ""
    if let text = try attachment?.list("Addresses").first?.text {
      // `10.0.1.5/24`
      address = String(text.prefix { $0 != "/" })
      guard SocketAddress(host: address, port: 1) != nil else { throw ObjectFault("a task's address is no address") }
    }
    let hostPorts = try (item["Status"]?["PortStatus"] ?? .null).list("Ports").map { item throws(ObjectFault) in
      try port(item)
    }
    return Task(address: address, node: item["NodeID"]?.text.flatMap { nodes[$0] } ?? "", hostPorts: hostPorts)
  }

  /// What is to be said of `<service>/<port>`; the port is the container's, by number, or the name of one.
  func finding(service name: String, port text: String) -> Finding {
    guard let service = services[name] else { return .negative("no service \(name) in the swarm") }
    let named = service.ports.first { !$0.name.isEmpty && $0.name == text }?.target
    guard let port = named ?? UInt16(text).map({ Int($0) }), port > 0 else {
      return .negative("the service \(name) has no port \(text)")
    }
    let endpoints = service.tasks.compactMap { $0.endpoint(port) }
    if endpoints.isEmpty, let broken = service.broken {
      return .failed("the service \(name) makes no sense: \(broken)")
    }
    if endpoints.isEmpty, !service.tasks.isEmpty {
      return .failed("the tasks of \(name) have no address that can be reached: attach the service to a network")
    }
    return .bound(BoundName(taken: 2, endpoints: endpoints))
  }
}

extension SwarmBook.Task {
  /// In its network; else where its node has published the port.
  fileprivate func endpoint(_ port: Int) -> FoundEndpoint? {
    if let direct = SocketAddress(host: address, port: UInt16(port)) {
      return FoundEndpoint(address: direct.description)
    }
    guard let published = hostPorts.first(where: { $0.target == port && $0.published > 0 }),
      let onNode = SocketAddress(host: node, port: UInt16(published.published))
    else { return nil }
    return FoundEndpoint(address: onNode.description)
  }
}
