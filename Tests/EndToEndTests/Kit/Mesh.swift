import Foundation

/// A controller, proxies and services as real processes on ports of their own.
final class Mesh {
  let folder = try! ScratchFolder()
  private(set) var controller: RunningProgram
  let rest: String
  let mesh: String
  private var proxies: [RunningProgram] = []

  init() throws {
    controller = try Self.startController(folder.path, rest: "127.0.0.1:0", mesh: "127.0.0.1:0")
    rest = try controller.address("rest")
    mesh = try controller.address("mesh")
  }

  private static func startController(_ folder: String, rest: String, mesh: String) throws -> RunningProgram {
    let file = folder + "/controller.yaml"
    try """
      rest:
        listen: \(rest)
      mesh:
        listen: \(mesh)
      store:
        path: \(folder)/heddle.db
      """.write(toFile: file, atomically: true, encoding: .utf8)
    return try RunningProgram("heddle-controller", ["serve", "--config", file])
  }

  /// Ends the controller as a power cut would.
  func killController() { controller.kill() }

  /// Starts it again on the same ports and the same store.
  func restartController() throws {
    _ = try controller.exitCode()
    controller = try Self.startController(folder.path, rest: rest, mesh: mesh)
    _ = try controller.address("rest")
  }

  /// Starts a proxy; its outbound address.
  func startProxy(_ node: String, listen: String = "127.0.0.1:0") throws -> (program: RunningProgram, address: String, admin: String) {
    let file = folder.path + "/\(node).yaml"
    try """
      node: \(node)
      mesh: \(mesh)
      workers: 1
      outbound:
        listen: \(listen)
      admin:
        listen: 127.0.0.1:0
      state:
        path: \(folder.path)/\(node).state
      """.write(toFile: file, atomically: true, encoding: .utf8)
    let program = try RunningProgram("heddle-proxy", ["--config", file])
    proxies.append(program)
    return (program, try program.address("outbound"), try program.address("admin"))
  }

  /// Starts a demo service that answers with its label; its address.
  func startService(_ label: String) throws -> (program: RunningProgram, address: String) {
    let program = try RunningProgram("heddle-demo-app", ["serve", "--listen", "127.0.0.1:0", "--version-label", label])
    return (program, try program.address("listen"))
  }

  func url(_ path: String) -> String { "http://\(rest)/v1\(path)" }

  /// Registers a service with one endpoint.
  func register(_ service: String, _ address: String) throws {
    let answer = try curl("-X", "PUT", url("/namespaces/default/services/\(service)"), body: "{\"endpoints\": [{\"address\": \"\(address)\"}]}")
    guard (200..<300).contains(answer.status) else { throw NeverHappened(description: "register: \(answer)") }
  }
}
