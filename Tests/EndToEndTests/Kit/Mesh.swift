import Foundation

/// A controller, proxies and services as real processes on ports of their own.
final class Mesh {
  let folder = try! ScratchFolder()
  private(set) var controller: RunningProgram
  let rest: String
  let mesh: String
  /// Proxies and services: they run for as long as the mesh.
  private var programs: [RunningProgram] = []

  /// More lines of the controller's configuration file, such as `namers:`.
  private let more: String

  private let environment: [String: String]

  /// - Parameter environment: of the controller.
  init(controller more: String = "", environment: [String: String] = [:]) throws {
    self.more = more
    self.environment = environment
    controller = try Self.startController(
      folder.path, rest: "127.0.0.1:0", mesh: "127.0.0.1:0", more, environment)
    rest = try controller.address("rest")
    mesh = try controller.address("mesh")
  }

  /// Where the controller's configuration and store are.
  var configuration: String { folder.path + "/controller.yaml" }
  var store: String { folder.path + "/heddle.db" }

  private static func startController(
    _ folder: String, rest: String, mesh: String, _ more: String, _ environment: [String: String]
  ) throws -> RunningProgram {
    let file = folder + "/controller.yaml"
    try """
    rest:
      listen: \(rest)
    mesh:
      listen: \(mesh)
    store:
      path: \(folder)/heddle.db
    \(more)
    """.write(toFile: file, atomically: true, encoding: .utf8)
    return try RunningProgram("heddle-controller", ["serve", "--config", file], environment: environment)
  }

  /// Ends the controller as a power cut would.
  func killController() { controller.kill() }

  /// Ends the controller as an operator does.
  func stopController() throws {
    controller.terminate()
    guard try controller.exitCode() == 0 else { throw NeverHappened(description: "the controller stopped well: \(controller.text)") }
  }

  /// Starts it again on the same ports and the same store.
  func restartController() throws {
    _ = try controller.exitCode()
    controller = try Self.startController(folder.path, rest: rest, mesh: mesh, more, environment)
    _ = try controller.address("rest")
  }

  /// Starts a proxy. With `descriptors` it may open no more than so many; `outbound`: more of that block of its file.
  func startProxy(
    _ node: String, listen: String = "127.0.0.1:0", workers: Int = 1, descriptors: Int? = nil, outbound: String = "",
    environment: [String: String] = [:]
  ) throws -> (program: RunningProgram, address: String, admin: String) {
    let file = try writeProxyFile(node, listen: listen, workers: workers, outbound: outbound)
    let program: RunningProgram
    if let descriptors {
      let path = RunningProgram.programs.appendingPathComponent("heddle-proxy").path
      program = try RunningProgram("sh", ["-c", "ulimit -n \(descriptors); exec \"$0\" --config \"$1\"", path, file])
    } else {
      program = try RunningProgram("heddle-proxy", ["--config", file], environment: environment)
    }
    programs.append(program)
    return (program, try program.address("outbound"), try program.address("admin"))
  }

  /// A proxy's configuration file; its state lies beside it.
  func writeProxyFile(_ node: String, listen: String = "127.0.0.1:0", workers: Int = 1, outbound: String = "") throws -> String {
    let file = folder.path + "/\(node).yaml"
    try """
    node: \(node)
    mesh: \(mesh)
    workers: \(workers)
    outbound:
      listen: \(listen)
      \(outbound)
    admin:
      listen: 127.0.0.1:0
    state:
      path: \(statePath(node))
    """.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }

  func statePath(_ node: String) -> String { folder.path + "/\(node).state" }

  /// Starts a demo service that answers with its label; its address.
  /// - Parameter call: a service that it calls for each request, and the proxy through which.
  func startService(
    _ label: String, delay: String = "2ms", call: (name: String, proxy: String)? = nil
  ) throws -> (program: RunningProgram, address: String) {
    var arguments = ["serve", "--listen", "127.0.0.1:0", "--version-label", label, "--delay", delay]
    if let call { arguments += ["--call", call.name, "--via", call.proxy] }
    let program = try RunningProgram("heddle-demo-app", arguments)
    programs.append(program)
    return (program, try program.address("listen"))
  }

  func url(_ path: String) -> String { "http://\(rest)/v1\(path)" }

  /// Registers a service with one endpoint.
  func register(_ service: String, _ address: String) throws {
    let answer = try curl("-X", "PUT", url("/namespaces/default/services/\(service)"), body: "{\"endpoints\": [{\"address\": \"\(address)\"}]}")
    guard (200..<300).contains(answer.status) else { throw NeverHappened(description: "register: \(answer)") }
  }

  /// Adds a rule and waits until the connected proxies run it.
  func route(_ prefix: String, _ destination: String) throws {
    let answer = try curl(
      url("/namespaces/default/rules?wait=applied"), body: "{\"prefix\": \"\(prefix)\", \"destination\": \"\(destination)\"}")
    guard answer.json["complete"] as? Bool == true else { throw NeverHappened(description: "route: \(answer)") }
  }

  /// What the controller says of a proxy by its node's name; nil while it knows none.
  func proxyStatus(_ node: String) throws -> [String: Any]? {
    let proxies = try curl("http://\(rest)/v1/proxies").json["proxies"] as? [[String: Any]] ?? []
    return proxies.last { $0["node"] as? String == node && $0["state"] as? String != "disconnected" }
  }
}
