import SystemIO
import Testing

@testable import DataPlane

/// Callers that do not read, and callers that take all they can get.
@Suite struct SlowCallerTests {
  @Test func answersPileUpOnlyToTheLimit() throws {
    let proxy = try ProxyHarness(dtab: "", kernelBytes: 16_384)
    let one = "GET / HTTP/1.1\r\nHost: nobody\r\n\r\n"
    let size = try proxy.get("nobody").wireSize
    let count = 10_000
    let requests = [UInt8](String(repeating: one, count: count).utf8)
    let caller = try proxy.connect()
    try caller.keepLittle()
    var sent = try caller.sendWhatFits(requests)
    #expect(sent < requests.count / 2, "all requests were taken from a caller who reads no answer")
    var answered = 0
    while sent < requests.count {  // and once it reads, everything goes on where it stood
      answered += try caller.count(upTo: size)
      sent += try caller.sendWhatFits(Array(requests[sent...].prefix(16_384)), patience: 0)
    }
    answered += try caller.count(upTo: size * count - answered)
    #expect(answered == size * count)
  }

  @Test(arguments: ["idle", "drained"]) func aSlowReaderGetsTheEndOfItsAnswer(_ why: String) throws {
    let size = 60_000
    let server = try ScriptedServer.answering(
      "HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n" + String(repeating: "x", count: size))
    var limits = ProxyLimits.patient
    if why == "idle" { limits.connectionIdle = .seconds(1) }
    let proxy = try ProxyHarness(
      dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)", limits: limits, kernelBytes: 4096)
    let caller = try proxy.connect()
    try caller.keepLittle()
    try caller.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    try wait { try server.requests.count == 1 && proxy.gauges().requestsInFlight == 0 }
    if why == "drained" { proxy.worker.send(.drain(grace: .seconds(10))) }
    for _ in 0..<1500 { pause() }  // past the idle time, and past what draining gives idle callers
    #expect(try caller.readToEnd().hasSuffix(String(repeating: "x", count: size)))
  }

  @Test(arguments: ["answer", "body"]) func oneFastStreamDoesNotHoldUpTheOthers(_ what: String) throws {
    let server = try ScriptedServer { connection, server, _ in
      let head = try connection.read { $0.contains("\r\n\r\n") }.text
      guard head.hasPrefix("GET /endless") || head.hasPrefix("POST") else {
        return try connection.send(ForwardingTests.hello)
      }
      if head.hasPrefix("POST") {
        _ = try connection.count(upTo: .max)
      } else {
        try connection.send("HTTP/1.1 200 OK\r\n\r\n")
        while true { try connection.send([UInt8](repeating: 0x61, count: 1 << 20)) }
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let port = proxy.port
    startThread(name: "stream") {
      guard let caller = try? RawConnection(port: port) else { return }
      if what == "answer" {
        try? caller.send("GET /endless HTTP/1.1\r\nHost: web\r\n\r\n")
        _ = try? caller.count(upTo: .max)
      } else {
        try? caller.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 9000000000000\r\n\r\n")
        while (try? caller.send([UInt8](repeating: 0x62, count: 1 << 20))) != nil {}
      }
    }
    try wait { try proxy.gauges().requestsInFlight == 1 }
    for _ in 0..<20 { #expect(try proxy.get("web").body == "hello") }
  }

  /// The answer to a broken request has its body, whatever the request before it was.
  @Test func aRefusalAfterHeadIsWhole() throws {
    let server = try ScriptedServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    try caller.send("HEAD / HTTP/1.1\r\nHost: web\r\n\r\n")
    _ = try caller.read { $0.hasSuffix("\r\n\r\n") }
    try caller.send("GET / HTTP/1.1\r\nHost : web\r\n\r\n")
    let answer = try #require(RawAnswer(complete: try caller.readToEnd()))
    #expect(answer.status == 400 && !answer.body.isEmpty)
  }
}

extension RawAnswer {
  /// Bytes of an answer whose framing is a length.
  var wireSize: Int { head.utf8.count + 4 + body.utf8.count }
}
