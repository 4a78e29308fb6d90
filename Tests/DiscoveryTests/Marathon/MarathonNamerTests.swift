import JSONFormat
import Serving
import Synchronization
import SystemIO
import Testing

@testable import Discovery

@Suite struct MarathonNamerTests {
  private let marathon: FakeMarathon

  init() throws {
    marathon = try FakeMarathon()
    marathon.set("/shop/web", [FakeMarathon.task("10.0.0.1"), FakeMarathon.task("10.0.0.2"), FakeMarathon.task("10.0.0.3", state: "TASK_STAGING")])
    marathon.set("/shop", [FakeMarathon.task("10.0.0.9")])
  }

  private func discovering(_ more: String = "") throws -> Discovering {
    try Discovering("kind: io.l5d.marathon\nurl: \(marathon.server.url)" + (more.isEmpty ? "" : "\n" + more))
  }

  @Test func theLongestFrontThatIsAnAppIsTheApp() async throws {
    let discovering = try discovering()
    let state = await discovering.want("/#/io.l5d.marathon/shop/web/v2/x") { $0.has(["10.0.0.1:31000", "10.0.0.2:31000"]) }
    #expect(state?.residual == path("/v2/x"))
    #expect(await discovering.wants("/#/io.l5d.marathon/shop/db", bound: ["10.0.0.9:31000"]))
    #expect(await discovering.want("/#/io.l5d.marathon/none") { $0.state == .negative } != nil)
    marathon.set("/shop/db", [FakeMarathon.task("10.0.0.7")])
    #expect(await discovering.sees("/#/io.l5d.marathon/shop/db", bound: ["10.0.0.7:31000"]))
    marathon.remove("/shop/db")
    marathon.remove("/shop")
    #expect(await discovering.wait("/#/io.l5d.marathon/shop/db") { $0.state == .negative } != nil)
  }

  /// The polls are far away: only the events can tell.
  @Test func eventsTellAtOnce() async throws {
    let discovering = try discovering("ttlMs: 3600000")
    let name = "/#/io.l5d.marathon/shop/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:31000", "10.0.0.2:31000"]))
    let marathon = marathon
    #expect(await eventually { marathon.streamCount == 1 })
    marathon.set("/shop/web", [FakeMarathon.task("10.0.0.4")])
    #expect(await discovering.sees(name, bound: ["10.0.0.4:31000"]))
    // What happened while no stream stood is asked for when the next begins.
    marathon.endStreams()
    marathon.set("/shop/web", [FakeMarathon.task("10.0.0.5")])
    #expect(await discovering.sees(name, bound: ["10.0.0.5:31000"]))
  }

  @Test func withoutEventsItPolls() async throws {
    marathon.forbidEvents()
    let discovering = try discovering("ttlMs: 100")
    let name = "/#/io.l5d.marathon/shop/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:31000", "10.0.0.2:31000"]))
    marathon.set("/shop/web", [FakeMarathon.task("10.0.0.4")])
    #expect(await discovering.sees(name, bound: ["10.0.0.4:31000"]))
  }

  @Test func takesHealthyTasksAndTheWantedPort() async throws {
    marathon.set(
      "/web",
      [
        FakeMarathon.task("10.0.0.1", "[1,2]", more: #","healthCheckResults":[{"alive":true}]"#),
        FakeMarathon.task("10.0.0.2", "[3,4]", more: #","healthCheckResults":[{"alive":false}]"#), FakeMarathon.task("10.0.0.3", "[5,6]"),
        FakeMarathon.task("10.0.0.4", #"["x",null]"#, more: #","healthCheckResults":[{"alive":true}]"#),
      ], more: #","healthChecks":[{}],"portDefinitions":[{"name":"http"},{"name":"admin"}]"#)
    #expect(await (try discovering()).wants("/#/io.l5d.marathon/web", bound: ["10.0.0.1:1"]))
    #expect(await (try discovering("portName: admin")).wants("/#/io.l5d.marathon/web", bound: ["10.0.0.1:2"]))
    #expect(
      await (try discovering("portIndex: 1\nuseHealthCheck: false")).wants(
        "/#/io.l5d.marathon/web", bound: ["10.0.0.1:2", "10.0.0.2:4", "10.0.0.3:6"]))
    let wrong = try discovering("portName: nope")
    #expect(await wrong.want("/#/io.l5d.marathon/web") { $0.state == .failed } != nil)
  }

  @Test func takesContainersAndHostNames() async throws {
    marathon.set(
      "/web", [FakeMarathon.task("agent", "[]", more: #","ipAddresses":[{"ipAddress":"9.0.0.1"}]"#)],
      more: #","networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":8080}]}"#)
    marathon.set("/old", [FakeMarathon.task("localhost", "[7]")])
    let discovering = try discovering()
    #expect(await discovering.wants("/#/io.l5d.marathon/web", bound: ["9.0.0.1:8080"]))
    let old = await discovering.want("/#/io.l5d.marathon/old") { $0.state == .bound }
    #expect(old?.endpoints.first?.address.hasSuffix(":7") == true)
  }

  @Test func sendsItsCredentials() async throws {
    marathon.demand("token=abc")
    #expect(
      await (try discovering("token: abc")).wants("/#/io.l5d.marathon/shop", bound: ["10.0.0.9:31000"]))
    marathon.demand("Basic dTpw")
    #expect(
      await (try discovering("basicAuth: 'u:p'")).wants("/#/io.l5d.marathon/shop", bound: ["10.0.0.9:31000"]))
    #expect(await (try discovering()).want("/#/io.l5d.marathon/shop") { $0.state == .failed } != nil)
  }
}
