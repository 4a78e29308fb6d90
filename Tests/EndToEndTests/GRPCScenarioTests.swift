import Foundation
import Testing

/// gRPC calls of a library that is not ours, to a service of that library, through one proxy and through two.
@Suite(.serialized, .enabled(if: python != nil, "HEDDLE_PYTHON names an interpreter with grpcio"))
struct GRPCScenarioTests {
  /// A service in a mesh, and the address of the proxy that callers use.
  private final class World {
    private let mesh: Mesh
    /// The service and the proxies in front: they run for as long as this.
    private var programs: [RunningProgram] = []
    private(set) var proxy = ""

    init(hops: Int) throws {
      mesh = try Mesh()
      let service = try RunningProgram(try interpreter(), [script, "serve"])
      programs.append(service)
      try mesh.register("calls", try service.address("listen"))
      proxy = try mesh.startProxy("last", outbound: "limits: {in_flight: 20000}").address
      try mesh.route("/svc/calls", "/#/registry/calls")
      for hop in 1..<hops { try stepBack(hop) }
    }

    /// One proxy more in front: a standalone one, to which the other is the service.
    private func stepBack(_ hop: Int) throws {
      let parts = proxy.split(separator: ":")
      let file = mesh.folder.path + "/hop-\(hop).yaml"
      try """
      dtab: /svc/calls => /$/inet/\(parts[0])/\(parts[1])
      outbound: {listen: 127.0.0.1:0, limits: {in_flight: 20000}}
      admin: {listen: 127.0.0.1:0}
      """.write(toFile: file, atomically: true, encoding: .utf8)
      let program = try RunningProgram("heddle-proxy", ["--config", file])
      proxy = try program.address("outbound")
      programs.append(program)
    }

    func check(_ what: String, name: String = "calls") throws {
      let caller = try RunningProgram(try interpreter(), [script, "call", proxy, name, what])
      #expect(try caller.exitCode() == 0, "\(what): \(caller.text)")
    }
  }

  @Test(arguments: [1, 2]) func everyKindOfCall(hops: Int) throws {
    let world = try World(hops: hops)
    for what in ["kinds", "large", "errors", "deadline", "cancel"] { try world.check(what) }
    try world.check("nobody", name: "nobody")
  }

  @Test func tenThousandCallsAtOnce() throws { try World(hops: 1).check("many") }
}

private var script: String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("grpc_calls.py").path
}

private func interpreter() throws -> String {
  guard let python else { throw NeverHappened(description: "HEDDLE_PYTHON names an interpreter") }
  return python
}
