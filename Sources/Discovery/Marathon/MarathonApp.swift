import JSONFormat

/// What a namer needs of one Marathon app and its tasks.
struct MarathonApp {
  struct Task: Equatable {
    /// An address or a host name.
    let host: String
    let port: Int
  }

  /// Those that run and, when asked for, are healthy.
  let tasks: [Task]
  /// Tasks that make no sense: left out.
  let brokenCount: Int

  /// Reads an app with its tasks (`embed=app.tasks`).
  init(_ app: JSON, _ settings: MarathonSettings) throws(ObjectFault) {
    let isOnOwnAddress = try Self.isOnOwnAddress(app)
    let mappings = try Self.portEntries(app, isOnOwnAddress)
    let index = try Self.portIndex(mappings, settings)
    let needsHealth = settings.usesHealthChecks ? try !app.list("healthChecks").isEmpty : false
    var tasks: [Task] = []
    var broken = 0
    for item in try app.list("tasks") {
      do throws(ObjectFault) {
        guard try Self.isRunning(item) else { continue }
        if needsHealth, try !Self.isHealthy(item) { continue }
        tasks.append(try Self.task(item, isOnOwnAddress, mappings, index))
      } catch { broken += 1 }
    }
    self.tasks = tasks
    brokenCount = broken
  }

  /// Its containers have addresses of their own (Marathon 1.5 `networks`, before that `ipAddress`).
  private static func isOnOwnAddress(_ app: JSON) throws(ObjectFault) -> Bool {
    if try app.list("networks").contains(where: { $0["mode"]?.text == "container" }) { return true }
    if let old = app["ipAddress"], old != .null { return true }
    return app["container"]?["docker"]?["network"]?.text == "USER"
  }

  /// Where the app's ports are declared, names among them.
  private static func portEntries(_ app: JSON, _ isOnOwnAddress: Bool) throws(ObjectFault) -> [JSON] {
    if isOnOwnAddress, let old = app["ipAddress"]?["discovery"]?["ports"]?.items, !old.isEmpty { return old }
    let container = app["container"] ?? .null
    let mapped = try container.list("portMappings")
    if !mapped.isEmpty { return mapped }
    let docker = try (container["docker"] ?? .null).list("portMappings")
    return docker.isEmpty ? try app.list("portDefinitions") : docker
  }

  private static func portIndex(_ entries: [JSON], _ settings: MarathonSettings) throws(ObjectFault) -> Int {
    guard let name = settings.portName else { return settings.portIndex }
    guard let index = entries.firstIndex(where: { $0["name"]?.text == name }) else {
      throw ObjectFault("it has no port named \(name)")
    }
    return index
  }

  private static func isRunning(_ task: JSON) throws(ObjectFault) -> Bool {
    // Marathon before 1.0 tells no state and lists running tasks only.
    try task.optionalText("state") ?? "TASK_RUNNING" == "TASK_RUNNING"
  }

  /// Every check has had a result, and the last one of each was good.
  private static func isHealthy(_ task: JSON) throws(ObjectFault) -> Bool {
    let results = try task.list("healthCheckResults")
    return !results.isEmpty && results.allSatisfy { $0["alive"]?.truth == true }
  }

  private static func task(
    _ task: JSON, _ isOnOwnAddress: Bool, _ entries: [JSON], _ index: Int
  ) throws(ObjectFault) -> Task {
    if isOnOwnAddress, let address = try task.list("ipAddresses").first?["ipAddress"]?.text {
      guard index < entries.count else { throw ObjectFault("no port \(index)") }
      let entry = entries[index]
      return Task(host: address, port: try entry.port(entry["containerPort"] == nil ? "number" : "containerPort"))
    }
    let ports = try task.list("ports")
    guard let host = try task.optionalText("host"), !host.isEmpty else { throw ObjectFault("no host") }
    guard index < ports.count, let port = ports[index].whole, (1...65_535).contains(port) else {
      throw ObjectFault("no port \(index)")
    }
    return Task(host: host, port: Int(port))
  }
}
