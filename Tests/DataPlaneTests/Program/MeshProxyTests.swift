import Foundation
import MeshProtocol
import Serving
import Testing

@testable import DataPlane

@Suite("A proxy and its controller", .serialized)
struct MeshProxyTests {
  private var rules: ResourceSet {
    var set = ResourceSet()
    set.rule("r1", "/svc", "/#/registry")
    return set
  }

  /// A proxy with the rules applied and `users` answered by an application.
  private func synced(
    _ controller: FakeController, _ application: Application, _ yaml: String = "", workers: Int = 2
  ) throws -> RunningProxy {
    let proxy = try RunningProxy("mesh: 127.0.0.1:\(controller.port)\n" + yaml, workers: workers)
    try #require(controller.heard("hello nothing"))
    controller.send(.snapshot(rules.snapshot(3)))
    try #require(controller.heard("ack 3"))
    Task.detached { _ = try proxy.call("users") }
    try #require(controller.heard("subscribe /#/registry/users"))
    controller.send(.endpoints(endpointsMessage("/#/registry/users", [application.address])))
    try #require(try eventually { try proxy.call("users") == 200 })
    return proxy
  }

  @Test("Not ready before the first configuration; then applied, acknowledged, and requests flow")
  func firstConfiguration() throws {
    let (controller, application) = (try FakeController(), try Application())
    defer { controller.kill() }
    let proxy = try RunningProxy("mesh: 127.0.0.1:\(controller.port)\n")
    defer { proxy.end() }
    #expect(try proxy.admin("/readyz").status == 503)
    #expect(controller.heard("hello nothing"))
    controller.send(.snapshot(rules.snapshot(3)))
    #expect(controller.heard("ack 3"))
    #expect(try proxy.admin("/readyz").status == 200)
    #expect(try proxy.admin("/routes").text?.contains("\"origin\":\"rule r1\"") == true)
    Task.detached { _ = try proxy.call("users") }
    #expect(controller.heard("subscribe /#/registry/users"))
    controller.send(.endpoints(endpointsMessage("/#/registry/users", [application.address])))
    #expect(try eventually { try proxy.call("users") == 200 })
    let resolved = try proxy.admin("/resolve?name=/svc/users").text ?? ""
    #expect(resolved.contains(application.address))
    #expect(resolved.contains("\"id\":\"r1\""))
    #expect(try proxy.admin("/metrics").text?.contains("heddle_config_revision 3\n") == true)
  }

  @Test("Item 99: a controller killed under traffic costs no request; the next one hears what is held")
  func controllerKilled() throws {
    let (controller, application) = (try FakeController(), try Application())
    let proxy = try synced(controller, application)
    defer { proxy.end() }
    controller.kill()
    #expect(try eventually { try proxy.readiness().contains("not connected") })
    for _ in 0..<200 { #expect(try proxy.call("users") == 200) }
    #expect(try proxy.admin("/readyz").status == 200)
    let next = try FakeController(port: controller.port)
    defer { next.kill() }
    #expect(next.heard("hello 3"))
    #expect(next.heard("subscribe /#/registry/users"))
    var current = Heddle_Mesh_V1_Current()
    current.version = rules.version(3).wire
    next.send(.current(current))
    #expect(try eventually { try proxy.readiness().contains("connected to") })
    #expect(try proxy.admin("/metrics").text?.contains("heddle_config_swaps_total{result=\"applied\"} 1\n") == true)
    #expect(try proxy.call("users") == 200)
  }

  @Test("Item 100: with the controller down a proxy restarts from disk, ready and stale, until one answers")
  func restart() throws {
    try withFolder { folder in
      let state = "state: {path: \(folder)/state}\n"
      let (controller, application) = (try FakeController(), try Application())
      let first = try synced(controller, application, state)
      #expect(
        try eventually {
          try first.admin("/metrics").text?.contains("heddle_state_writes_total{result=\"ok\"} 0\n") == false
        })
      // The endpoints must be on disk too, which the next second's writing does.
      #expect(
        try eventually {
          let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/state"))
          return try KeptState(decoding: Array(bytes)).names.count == 1
        })
      controller.kill()
      first.end()

      let mesh = "mesh: 127.0.0.1:\(controller.port)\n"
      var started: RunningProxy?
      #expect(
        eventually {
          started = try? RunningProxy(mesh + state); return started != nil
        })
      let second = try #require(started)
      defer { second.end() }
      #expect(try eventually { try second.admin("/readyz").status == 200 })
      #expect(try second.readiness().hasPrefix("ready stale=true\n"))
      #expect(try second.call("users") == 200)

      let next = try FakeController(port: controller.port)
      defer { next.kill() }
      #expect(next.heard("hello 3"))
      var current = Heddle_Mesh_V1_Current()
      current.version = rules.version(3).wire
      next.send(.current(current))
      #expect(try eventually { try second.readiness().hasPrefix("ready\n") })
    }
  }

  @Test("Item 101: from a damaged state file nothing is taken, and the proxy is not ready")
  func damagedState() throws {
    try withFolder { folder in
      let bytes = KeptStateTests.state(3).encoded()
      try Data(bytes.prefix(bytes.count - 5)).write(to: URL(fileURLWithPath: folder + "/state"))
      let proxy = try RunningProxy("mesh: 127.0.0.1:1\nstate: {path: \(folder)/state}\n")
      defer { proxy.end() }
      #expect(try proxy.admin("/readyz").status == 503)
      #expect(try proxy.admin("/routes").text?.contains("\"rules\":[]") == true)
      #expect(throws: StateStoreError.self) { try RunningProxy("mesh: 127.0.0.1:1\nstate: {path: \(folder)/state}\n") }
    }
  }

  @Test("Items 103, 104: a revision with bad resources is refused once, whole, by name; the old one runs on")
  func badRevision() throws {
    let (controller, application) = (try FakeController(), try Application())
    defer { controller.kill() }
    let proxy = try synced(controller, application)
    defer { proxy.end() }
    var set = rules
    for i in 0..<99 { set.rule("good\(i)", "/svc/x\(i)", "/#/registry/x") }
    set.rule("bad", "/svc", "no path at all")
    controller.send(.snapshot(set.snapshot(4)))
    #expect(controller.heard("nack 4 bad"))
    let config = try proxy.admin("/config").text ?? ""
    #expect(config.contains("\"last_refusal\":{\"revision\":4,\"errors\":[\"rule bad: "))
    #expect(config.contains("\"revision\":3"))
    #expect(try proxy.call("users") == 200)
    // It goes on: the next good revision is taken, and the refusal was said once.
    controller.send(.snapshot(rules.snapshot(5)))
    #expect(controller.heard("ack 5"))
    #expect(controller.said.filter { $0.hasPrefix("nack") }.count == 1)
    #expect(controller.said.filter { $0.hasPrefix("hello") }.count == 1)
  }

  @Test("Names that a change makes reachable are asked for before the Ack, which no silent namer holds up")
  func newNames() throws {
    let (controller, application) = (try FakeController(), try Application())
    defer { controller.kill() }
    let proxy = try synced(controller, application)
    defer { proxy.end() }
    // The control side knows a service as active once its facts were collected.
    #expect(try eventually { try proxy.admin("/metrics").text?.contains("service=\"/svc/users\"") == true })
    var moved = rules
    moved.rule("r2", "/svc/users", "/#/registry/users-v2", order: 2)
    controller.send(.snapshot(moved.snapshot(4)))
    #expect(controller.heard("ack 4"))
    let said = controller.said
    let subscribed = try #require(said.firstIndex(of: "subscribe /#/registry/users-v2"))
    #expect(subscribed < (try #require(said.firstIndex(of: "ack 4"))))
  }

  @Test("Reports: deltas of what happened, sent again unchanged until acknowledged")
  func reports() throws {
    let (controller, application) = (try FakeController(), try Application())
    defer { controller.kill() }
    let proxy = try synced(controller, application)
    defer { proxy.end() }
    #expect(eventually { controller.reports.count >= 2 })
    #expect(controller.reports[0] == controller.reports[1])
    let first = try Heddle_Mesh_V1_MetricsReport.decode(controller.reports[0])
    #expect(first.sequence == 1)
    controller.acknowledge(report: 1)
    for _ in 0..<5 { _ = try proxy.call("users") }
    var sequence: UInt64 = 1
    var requests: UInt64 = 0
    #expect(
      try eventually {
        for bytes in controller.reports {
          let report = try Heddle_Mesh_V1_MetricsReport.decode(bytes)
          guard report.sequence == sequence + 1 else { continue }
          sequence += 1
          requests += report.requests.filter { $0.service == "/svc/users" && $0.class == .success }.reduce(0) {
            $0 + $1.count
          }
          controller.acknowledge(report: sequence)
        }
        return requests >= 5
      })
  }

  @Test("The share of the fleet's re-sends that a controller told counts, and stays when the controller is away")
  func floorShare() throws {
    let (controller, application) = (try FakeController(), try Application())
    let proxy = try synced(controller, application, workers: 1)
    defer { proxy.end() }
    let metric = "heddle_retry_budget_balance{backend=\"/#/registry/users\"} "
    // A handful of requests earn nothing yet: the balance is the floor over 10 s.
    #expect(try eventually { try proxy.admin("/metrics").text?.contains(metric + "100\n") == true })
    #expect(eventually { controller.reports.count >= 1 })
    controller.acknowledge(report: 1, floorShare: 0.2)
    #expect(try eventually { try proxy.admin("/metrics").text?.contains(metric + "20\n") == true })
    controller.kill()
    #expect(try eventually { try proxy.readiness().contains("not connected") })
    _ = try proxy.admin("/metrics")
    #expect(try proxy.admin("/metrics").text?.contains(metric + "20\n") == true)
  }

  @Test("A controller's configuration after a file's rules: the file's are the weakest")
  func fileRules() throws {
    let (controller, application) = (try FakeController(), try Application())
    defer { controller.kill() }
    let proxy = try RunningProxy(
      "mesh: 127.0.0.1:\(controller.port)\ndtab: /svc => /#/registry\nregistry: {users: ['\(application.address)']}\n")
    defer { proxy.end() }
    #expect(controller.heard("hello nothing"))
    #expect(try eventually { try proxy.call("users") == 200 })
    controller.send(.snapshot(rules.snapshot(1)))
    #expect(controller.heard("ack 1"))
    let routes = try proxy.admin("/routes").text ?? ""
    let file = try #require(routes.range(of: "file 0"))
    let rule = try #require(routes.range(of: "rule r1"))
    #expect(file.lowerBound < rule.lowerBound)
    // The file's names answer before the controller: it is not asked.
    #expect(!controller.said.contains("subscribe /#/registry/users"))
  }
}
