import Foundation
import HTTP
import JSONFormat
import Serving
import SystemIO
import Testing

@testable import ControlPlane

struct OperationTests {
  @Test func operationsAnswer() async throws {
    let plane = try Plane()
    #expect(await plane.call("GET", "/livez").text == "ok\n")
    #expect(await plane.call("GET", "/readyz").text == "ok\n")
    let ready = await plane.call("GET", "/readyz?verbose")
    #expect(ready.json["ready"] == true)
    #expect(await plane.call("GET", "/version").json["version"] == "test")
    await plane.rule("/a", "/b")
    let metrics = await plane.call("GET", "/metrics").text
    #expect(
      metrics.contains("heddle_rest_requests_total{method=\"POST\",route=\"/v1/namespaces/{ns}/rules\",code=\"201\"} 1")
    )
    #expect(metrics.contains("heddle_config_revision{namespace=\"default\"} 2"))
    #expect(metrics.contains("fake_mesh 1"))
  }

  @Test func proxiesMetricsAndWatch() async throws {
    let plane = try Plane()
    let now = plane.clock.clocks.wall()
    plane.mesh.known.withLock {
      $0 = ["p2", "p1"].map { id in
        ProxyStatus(
          id: id, node: "n", namespace: "default", address: "127.0.0.1:9990", labels: ["a": "b"], zone: "z",
          version: "1", capabilities: ["x"],
          connectedSince: now, lastSeen: now, revisionHeld: 4, revisionAcknowledged: 3, lastError: "no",
          state: .rejected, warnings: ["twice"])
      }
    }
    let list = await plane.call("GET", "/v1/proxies?namespace=default&limit=1")
    #expect(list.list("proxies").first?["id"] == "p1")
    #expect(list.list("proxies").first?["state"] == "rejected" && list.list("proxies").first?["last_error"] == "no")
    #expect(
      await plane.call("GET", "/v1/proxies?continue=\(try #require(list.json["continue"]?.text))").list("proxies")
        .first?["id"] == "p2")
    #expect(await plane.call("DELETE", "/v1/proxies/p1").status == 200)
    #expect(await plane.call("DELETE", "/v1/proxies/p1").status == 404)
    plane.mesh.rows.withLock {
      $0 = [
        MetricRow(
          labels: [("service", "/svc/users")], inbound: false, requestsPerSecond: 12.5, successRate: 0.99, p50: 1.5,
          p95: 2, p99: nil),
        MetricRow(
          labels: [("service", "/in")], inbound: true, requestsPerSecond: 1, successRate: nil, p50: nil, p95: nil,
          p99: nil),
      ]
    }
    let metrics = await plane.at("GET", "/metrics?group_by=service&window=30s")
    #expect(
      metrics.list("metrics").first?["p50"] == "1.5ms" && metrics.list("metrics").first?["service"] == "/svc/users")
    #expect(metrics.list("inbound").count == 1)
    #expect(await plane.at("GET", "/metrics?group_by=color").status == 400)
    let watch = await plane.at("GET", "/watch", nil, headers: [("last-event-id", "41")])
    #expect(watch.response.headers["content-type"] == "text/event-stream")
    #expect(plane.mesh.streams.withLock { $0.map { "\($0.0) \($0.1 ?? "")" } } == ["default 41"])
    #expect(await plane.call("GET", "/v1/namespaces/none/watch").status == 404)
    let head = await plane.at("HEAD", "/watch")
    #expect(head.response.bytes == [])
  }

  @Test func descriptionIsOfTheRoutesAndInTheDocs() throws {
    let document = OpenAPI.document(API.routes, version: ControllerProgram.version)
    let paths = document["paths"]?.members ?? []
    for route in API.routes {
      #expect(
        paths.first { $0.name == route.pattern.text }?.value[route.method.lowercased()]?["operationId"]?.text
          == route.id)
    }
    #expect(Set(API.routes.map(\.id)).count == API.routes.count)
    let schemas = Set(document["components"]?["schemas"]?.members?.map(\.name) ?? [])
    for name in references(document) { #expect(schemas.contains(name), "\(name)") }
    let file = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("../../../docs/openapi/openapi.json")
    let text = document.printedIndented() + "\n"
    if ProcessInfo.processInfo.environment["WRITE_DOCS"] == "1" { try Data(text.utf8).write(to: file) }
    #expect(try String(contentsOf: file, encoding: .utf8) == text, "write it anew with WRITE_DOCS=1")
  }

  private func references(_ json: JSON) -> [String] {
    switch json {
    case .object(let members):
      members.flatMap { member -> [String] in
        guard member.name == "$ref", let text = member.value.text else { return references(member.value) }
        return [String(text.split(separator: "/").last ?? "")]
      }
    case .array(let items): items.flatMap(references)
    default: []
    }
  }

  @Test func answersOverASocket() async throws {
    let plane = try Plane()
    let api = plane.api
    let (executor, server) = try ServiceLoop.start(name: "rest") { loop in
      let server = try HTTPServer(
        loop: loop, address: .loopback(port: 0), handler: AsyncHandler { await api.respond(to: $0) })
      return (loop.confine(server), server.localAddress)
    }
    defer { executor.stop() }
    let body = Array("{\"prefix\":\"/a\",\"destination\":\"/b\"}".utf8)
    // The client blocks, so it gets a thread: those of the tasks are needed for the answer.
    let (made, list) = try await withCheckedThrowingContinuation { continuation in
      startThread(name: "client") {
        continuation.resume(
          with: Result {
            let client = HTTPClient(address: server.1, timeout: .seconds(60))
            let made = try client.send(
              "POST", "/v1/namespaces/default/rules", headers: ["content-type": "application/json"], body: body)
            return (made, try client.send("GET", "/v1/namespaces/default/rules"))
          })
      }
    }
    #expect(made.status == 201)
    #expect(made.headers["etag"] == "\"2\"")
    #expect(Answer(response: list).list("rules").count == 1)
  }
}

struct ConfigurationTests {
  private func read(_ yaml: String?, _ options: [(String, String)] = [], _ variables: [String: String] = [:]) throws
    -> ControllerConfiguration
  {
    try ControllerConfiguration(
      bytes: yaml.map { Array($0.utf8) }, environment: { variables[$0] },
      options: options.map { (name: $0.0, value: $0.1) })
  }

  @Test func defaultsAreLoopback() throws {
    let configuration = try read(nil)
    #expect("\(configuration.rest)" == "127.0.0.1:4180" && "\(configuration.mesh)" == "127.0.0.1:4321")
    #expect(configuration.storePath == "./heddle.db")
  }

  @Test func optionsWinOverEnvironmentOverFile() throws {
    let yaml = "rest:\n  listen: 127.0.0.1:1\nmesh:\n  listen: 127.0.0.1:2\nstore:\n  path: /tmp/a.db\n"
    let configuration = try read(
      yaml, [("--rest-listen", "127.0.0.1:5")],
      ["HEDDLE_REST_LISTEN": "127.0.0.1:4", "HEDDLE_MESH_LISTEN": "127.0.0.1:6"])
    #expect(configuration.rest.port == 5 && configuration.mesh.port == 6 && configuration.storePath == "/tmp/a.db")
  }

  @Test func otherHostsMayReachItOnlyOnPurpose() throws {
    #expect(throws: (any Error).self) { try read("rest: {listen: 0.0.0.0:4180}") }
    #expect(throws: (any Error).self) { try read("mesh: {listen: 10.0.0.1:4321, tls: permissive}") }
    #expect(try read("rest: {listen: 0.0.0.0:4180}\ninsecure_listen: true").rest.port == 4180)
  }

  @Test func unknownAndWrongKeysAreRefused() throws {
    for yaml in [
      "rset: {listen: 127.0.0.1:1}", "rest: {listen: here}", "store: {path: ''}", "log: {level: loud}",
      "rest: {listen: 127.0.0.1:1, listen: 127.0.0.1:2}",
    ] {
      #expect(throws: (any Error).self, "\(yaml)") { try read(yaml) }
    }
  }
}
