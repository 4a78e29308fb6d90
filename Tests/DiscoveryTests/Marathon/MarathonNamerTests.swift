import JSONFormat
import Serving
import Synchronization
import SystemIO
import Testing

@testable import Discovery

/// Marathon as far as a namer sees it: apps with tasks, and the event stream.
private final class FakeMarathon: Sendable {
  private struct State: Sendable {
    var apps: [String: JSON] = [:]
    var streams: [ResponseStream] = []
    var hasEvents = true
    var authorization: String?
  }

  private let state = Mutex<State>(State())
  private let started = Mutex<FakeServer?>(nil)

  init() throws {
    let server = try FakeServer { [weak self] request, respond in self?.handle(request, respond) }
    started.withLock { $0 = server }
  }

  var server: FakeServer {
    guard let server = started.withLock({ $0 }) else { fatalError("not started") }
    return server
  }
  var streamCount: Int { state.withLock { $0.streams.filter(\.isOpen).count } }

  func set(_ id: String, _ tasks: [String], more: String = "") {
    let app = json(#"{"id":"\#(id)","tasks":[\#(tasks.joined(separator: ","))]\#(more)}"#)
    state.withLock { state in
      state.apps[id] = app
      tell(state, #"event: status_update_event\ndata: {"appId":"\#(id)","eventType":"status_update_event"}\n\n"#)
    }
  }

  func remove(_ id: String) {
    state.withLock { state in
      state.apps[id] = nil
      tell(state, #"event: deployment_success\ndata: {"id":"x"}\n\n"#)
    }
  }

  private func tell(_ state: State, _ text: String) {
    let lines = text.replacing(#"\n"#, with: "\r\n")
    for stream in state.streams { _ = stream.send(Array(lines.utf8)) }
  }

  func endStreams() {
    let streams = state.withLock { state in
      defer { state.streams = [] }
      return state.streams
    }
    for stream in streams { stream.finish() }
  }

  func forbidEvents() { state.withLock { $0.hasEvents = false } }
  func demand(_ authorization: String) { state.withLock { $0.authorization = authorization } }

  private func handle(_ request: HTTPRequest, _ respond: Responder) {
    let response: HTTPResponse = state.withLock { state in
      if let wanted = state.authorization, request.headers["authorization"] != wanted {
        return HTTPResponse(status: 401, text: "no")
      }
      if request.path == "/v2/apps" {
        let items = state.apps.keys.map { JSON.object([JSON.Member(name: "id", value: .string($0))]) }
        return .json(.object([JSON.Member(name: "apps", value: .array(items))]))
      }
      if request.path == "/v2/events" {
        guard state.hasEvents else { return HTTPResponse(status: 404) }
        let stream = ResponseStream()
        state.streams.append(stream)
        return HTTPResponse(status: 200, headers: ["content-type": "text/event-stream"], body: .stream(stream))
      }
      guard let app = state.apps[String(request.path.dropFirst("/v2/apps".count))] else {
        return .json(json(#"{"message":"App does not exist"}"#), status: 404)
      }
      return .json(.object([JSON.Member(name: "app", value: app)]))
    }
    respond.respond(response)
  }
}

private func task(_ host: String, _ ports: String = "[31000]", state: String = "TASK_RUNNING", more: String = "") -> String {
  #"{"host":"\#(host)","ports":\#(ports),"state":"\#(state)"\#(more)}"#
}

@Suite struct MarathonNamerTests {
  private let marathon: FakeMarathon

  init() throws {
    marathon = try FakeMarathon()
    marathon.set("/shop/web", [task("10.0.0.1"), task("10.0.0.2"), task("10.0.0.3", state: "TASK_STAGING")])
    marathon.set("/shop", [task("10.0.0.9")])
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
    marathon.set("/shop/db", [task("10.0.0.7")])
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
    marathon.set("/shop/web", [task("10.0.0.4")])
    #expect(await discovering.sees(name, bound: ["10.0.0.4:31000"]))
    // What happened while no stream stood is asked for when the next begins.
    marathon.endStreams()
    marathon.set("/shop/web", [task("10.0.0.5")])
    #expect(await discovering.sees(name, bound: ["10.0.0.5:31000"]))
  }

  @Test func withoutEventsItPolls() async throws {
    marathon.forbidEvents()
    let discovering = try discovering("ttlMs: 100")
    let name = "/#/io.l5d.marathon/shop/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:31000", "10.0.0.2:31000"]))
    marathon.set("/shop/web", [task("10.0.0.4")])
    #expect(await discovering.sees(name, bound: ["10.0.0.4:31000"]))
  }

  @Test func takesHealthyTasksAndTheWantedPort() async throws {
    marathon.set(
      "/web",
      [
        task("10.0.0.1", "[1,2]", more: #","healthCheckResults":[{"alive":true}]"#),
        task("10.0.0.2", "[3,4]", more: #","healthCheckResults":[{"alive":false}]"#), task("10.0.0.3", "[5,6]"),
        task("10.0.0.4", #"["x",null]"#, more: #","healthCheckResults":[{"alive":true}]"#),
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
      "/web", [task("agent", "[]", more: #","ipAddresses":[{"ipAddress":"9.0.0.1"}]"#)],
      more: #","networks":[{"mode":"container"}],"container":{"portMappings":[{"containerPort":8080}]}"#)
    marathon.set("/old", [task("localhost", "[7]")])
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

  @Test(arguments: [Mood.refusing(503), .babbling("x"), .babbling("{}"), .babbling(#"{"apps":[],"app":{"tasks":3}}"#)])
  func keepsWhatWasBoundWhileMarathonIsAway(mood: Mood) async throws {
    let discovering = try discovering("ttlMs: 100")
    let name = "/#/io.l5d.marathon/shop/web"
    let both = ["10.0.0.1:31000", "10.0.0.2:31000"]
    #expect(await discovering.wants(name, bound: both))
    if case .babbling(let text) = mood, text.contains("apps") { return }
    marathon.server.set(mood)
    marathon.endStreams()
    let stale = await discovering.wait(name) { !$0.reason.isEmpty }
    #expect(stale?.has(both) == true)
    marathon.server.set(.up)
    #expect(await discovering.wait(name) { $0.reason.isEmpty && $0.version > stale?.version ?? 0 } != nil)
  }
}
