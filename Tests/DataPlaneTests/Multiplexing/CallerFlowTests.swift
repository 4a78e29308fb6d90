import HTTP2
import Synchronization
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// Whoever is slow holds up its own stream, and what waits for it is bounded.
@Suite struct CallerFlowTests {
  /// What a service without an end has given away, and how often in a row nobody took more.
  private final class Given: Sendable {
    private let counts = Mutex<(bytes: Int, stalls: Int)>((0, 0))
    func note(_ bytes: Int, isStalled: Bool) {
      counts.withLock { $0 = ($0.bytes + bytes, isStalled ? $0.stalls + 1 : 0) }
    }
    var bytes: Int { counts.withLock { $0.bytes } }
    var stalls: Int { counts.withLock { $0.stalls } }
  }

  /// The service of a caller that does not read is not read either; the caller's other streams go on.
  @Test func aSlowReaderStallsItsStreamOnly() throws {
    let given = Given()
    let service = try ScriptedServer { connection, _, _ in
      let head = try connection.read { $0.contains("\r\n\r\n") }.text
      guard head.hasPrefix("GET /endless") else { return try connection.send(ForwardingTests.hello) }
      try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      let chunk = bytes("10000\r\n") + [UInt8](repeating: 0x61, count: 65_536) + bytes("\r\n")
      while true {
        var sent = 0
        while sent < chunk.count {
          let count = try connection.sendWhatFits(Array(chunk[sent...]), patience: 50)
          if count == 0 && !connection.isOpen { return }
          given.note(count, isStalled: count == 0)
          sent += count
        }
      }
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let endless = caller.ask("/endless")
    caller.unread = [endless]
    caller.run { given.stalls >= 10 && caller.bodies[endless]?.count == 262_144 }
    #expect(given.stalls >= 10, "everything between the service and the caller is full")
    let window = caller.bodies[endless]?.count ?? 0
    #expect(window == 262_144, "the caller's window is what it has got")
    // The window, the limits' two buffers, and what two kernels keep for a connection.
    #expect(given.bytes < 16 << 20, "\(given.bytes) bytes were taken for a caller that reads none")
    for _ in 0..<20 {
      let quick = caller.ask("/quick")
      caller.finish(quick)
      #expect(caller.text(quick) == "hello")
    }
    caller.unread = []
    caller.consume(endless, window)
    caller.run { (caller.bodies[endless]?.count ?? 0) > window + (4 << 20) }
    #expect((caller.bodies[endless]?.count ?? 0) > window + (4 << 20), "it goes on when it is read")
    caller.session.reset(endless, .cancel)
    caller.finish(endless)
    try proxy.waitUntilQuiet(callers: 1)
  }

  /// A service that does not read: its caller gets no credit, and the others do.
  @Test func aServiceThatDoesNotReadClosesTheWindow() throws {
    let service = try ScriptedServer { connection, server, _ in
      let head = try connection.read { $0.contains("\r\n\r\n") }.text
      guard head.hasPrefix("POST /stuck") else { return try connection.send(ForwardingTests.hello) }
      try server.awaitRelease()
      _ = try connection.count(upTo: .max)
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let size = 64 << 20
    let stuck = caller.ask("/stuck", "POST", headers: [("content-length", String(size))], body: [UInt8](repeating: 7, count: size))
    var (left, unchanged) = (size, 0)
    caller.run {
      let now = caller.session.queuedBytes(stuck)
      unchanged = now == left ? unchanged + 1 : 0
      left = now
      return unchanged >= 100
    }
    // The stream's window, the limit of one buffer, and what two kernels keep for a connection.
    #expect(left > size / 2, "\(size - left) bytes were taken for a service that reads none")
    for _ in 0..<5 {
      let quick = caller.ask("/quick")
      caller.finish(quick)
      #expect(caller.text(quick) == "hello")
    }
    service.release()
    caller.run { caller.session.queuedBytes(stuck) == 0 }
    #expect(caller.session.queuedBytes(stuck) == 0)
  }

  // MARK: Sizes of heads

  /// More than a head may have, and less than the session stores; for more see `CallerFloodTests.aHeaderBombIs431`.
  @Test func aLargeHeadIs431() throws {
    let size = 62_000
    let service = try ScriptedServer.saying("hello")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", headers: [("x-large", String(repeating: "v", count: size))])
    caller.finish(stream)
    #expect(caller.status[stream] == "431")
    let next = caller.ask()
    caller.finish(next)
    #expect(caller.text(next) == "hello")
    #expect(service.requests.count == 1)
  }

  @Test func tooManyFieldsAre431() throws {
    let service = try ScriptedServer.saying("hello")
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let stream = caller.ask("/", headers: (0..<101).map { ("x-\($0)", "v") })
    caller.finish(stream)
    #expect(caller.status[stream] == "431")
    #expect(service.requests.isEmpty)
  }

  @Test func aLargeAnswerHeadPasses() throws {
    let value = String(repeating: "v", count: 60_000)
    let fields = (0..<99).map { "X-\($0): \($0)\r\n" }.joined()
    let service = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\(request.hasPrefix("GET /many") ? fields : "X-Large: \(value)\r\n")\r\nok")
      }
    }
    let proxy = try ProxyHarness(service)
    let caller = try proxy.caller()
    let (many, large) = (caller.ask("/many"), caller.ask("/large"))
    caller.finish(many, large)
    #expect(caller.text(many) == "ok" && caller.text(large) == "ok")
    for index in 0..<99 { #expect(caller.heads[many]?["x-\(index)"] == String(index)) }
    #expect(caller.heads[large]?["x-large"] == value)
  }
}
