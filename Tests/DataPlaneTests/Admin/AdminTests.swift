import Serving
import SystemIO
import Testing

@testable import DataPlane

@Suite("Admin port", .serialized)
struct AdminTests {
  private let standalone = "dtab: /svc => /#/registry\nregistry: {users: [127.0.0.1:1]}\n"

  private func status(
    _ address: SocketAddress, _ method: String, _ target: String, headers: HeaderList = HeaderList(), body: String = ""
  ) throws -> Int {
    try HTTPClient(address: address, timeout: .seconds(20)).send(
      method, target, headers: headers, body: Array(body.utf8)
    ).status
  }

  @Test("Every page answers; wrong methods and paths say so")
  func pages() throws {
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    for page in [
      "/livez", "/readyz", "/readyz?verbose", "/metrics", "/version", "/config", "/routes", "/resolve?name=/svc/users",
      "/endpoints", "/bindings",
    ] {
      #expect(try proxy.admin(page).status == 200, "\(page)")
    }
    #expect(try proxy.admin("/nothing").status == 404)
    #expect(try proxy.admin("/drain").status == 405)
    #expect(try proxy.admin("/livez", method: "POST").status == 405)
    #expect(try proxy.admin("/resolve").status == 400)
    #expect(try proxy.admin("/resolve?name=nonsense").status == 400)
    #expect(try proxy.admin("/resolve?name=/svc/users&dtab=bad").status == 400)
    #expect(
      try proxy.admin("/resolve?name=/svc/users&dtab=/svc/users%20%3D%3E%20/svc/other").text?.contains(
        "/#/registry/other") == true)
  }

  @Test("The log level can be changed")
  func logLevel() throws {
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    #expect(try proxy.admin("/log-level", method: "PUT", body: "\"debug\"").text == "debug\n")
    #expect(try proxy.admin("/log-level", method: "PUT", body: "loud").status == 400)
  }

  @Test("Web pages and foreign host names get nothing")
  func browsers() throws {
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    let admin = proxy.program.admin
    #expect(try status(admin, "POST", "/drain", headers: ["origin": "http://evil.example"]) == 403)
    #expect(try status(admin, "GET", "/config", headers: ["host": "evil.example:9990"]) == 403)
    #expect(try status(admin, "GET", "/config", headers: ["host": "localhost:9990"]) == 200)
    #expect(try status(admin, "GET", "/config", headers: ["host": "[::1]:9990"]) == 200)
    #expect(try proxy.admin("/readyz").status == 200)
  }

  @Test("The observe listener has only health and metrics")
  func observe() throws {
    let proxy = try RunningProxy(standalone + "observe: {listen: \"127.0.0.1:0\"}\n")
    defer { proxy.end() }
    let observe = try #require(proxy.program.observe)
    for page in ["/livez", "/readyz", "/metrics"] { #expect(try status(observe, "GET", page) == 200) }
    for page in ["/config", "/routes", "/endpoints", "/resolve?name=/svc/a"] {
      #expect(try status(observe, "GET", page) == 404)
    }
    #expect(try status(observe, "POST", "/drain") == 404)
    #expect(try status(observe, "PUT", "/log-level", body: "debug") == 404)
    #expect(try proxy.admin("/readyz").status == 200)
  }

  @Test("Draining: not ready, then over")
  func drain() throws {
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    #expect(try proxy.admin("/drain", method: "POST").status == 202)
    #expect(try proxy.admin("/drain", method: "POST").status == 202)
    #expect(try proxy.admin("/readyz").status == 503)
    #expect(eventually { proxy.hasDrained.isSo })
  }

  @Test("Reloading takes over rules, names and log level")
  func reload() throws {
    let application = try Application()
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    proxy.program.reload(
      try proxyConfiguration("dtab: /svc/web => /#/registry/w\nregistry: {w: ['\(application.address)']}\n"))
    #expect(try eventually { try proxy.admin("/routes").text?.contains("/svc/web") == true })
    #expect(try eventually { try proxy.call("web") == 200 })
    #expect(try proxy.call("users") == 502)
  }

  @Test("An address in use is said with its key")
  func addressInUse() throws {
    let proxy = try RunningProxy(standalone)
    defer { proxy.end() }
    let error = #expect(throws: StartFailure.self) {
      let configuration = try proxyConfiguration(
        "workers: 1\nadmin: {listen: \"127.0.0.1:0\"}\noutbound: {listen: \"\(proxy.program.admin)\"}\n")
      _ = try ProxyProgram(configuration, log: .init(clock: { 0 }, write: { _ in }), onDrained: {})
    }
    #expect(error?.description.hasPrefix("outbound.listen: \(proxy.program.admin): ") == true)
  }
}
