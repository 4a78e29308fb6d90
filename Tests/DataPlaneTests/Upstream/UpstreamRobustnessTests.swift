import MeshProtocol
import Synchronization
import SystemIO
import Testing
import Traffic

@testable import DataPlane

/// What a pool must not carry from one request to the next, and endpoints that come, go and refuse.
@Suite struct UpstreamRobustnessTests {
  private let name: Path

  init() throws { name = try Path(parsing: "/#/registry/web") }

  private func set(_ version: UInt64, _ ports: [UInt16]) -> EndpointSet {
    EndpointSet(
      name: name, version: version, state: .bound,
      endpoints: ports.map { Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)") })
  }

  /// An answer that fills the read buffer to its last byte, and behind it one that nobody asked for.
  @Test func bytesBehindAnAnswerAreNotTheNextCallersAnswer() throws {
    let exact = fill(16_384)
    let server = try ScriptedServer { connection, server, number in
      _ = try server.readRequest(connection)
      if number > 0 { return try connection.send(ForwardingTests.hello) }
      try connection.send(exact + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL")
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    #expect(try proxy.get("web").wireSize >= 16_384)
    #expect(try proxy.get("web").body == "hello")
  }

  /// An answer of exactly so many bytes.
  private func fill(_ size: Int) -> String {
    let head = { (n: Int) in "HTTP/1.1 200 OK\r\nContent-Length: \(n)\r\n\r\n" }
    let body = size - head(size).utf8.count
    return head(body) + String(repeating: "a", count: body)
  }

  @Test func aResetIsNoEndOfABody() throws {
    let hasRead = Mutex(false)
    let server = try ScriptedServer { connection, server, _ in
      _ = try server.readRequest(connection)
      try connection.send("HTTP/1.1 200 OK\r\n\r\npart")
      for _ in 0..<10_000 where !hasRead.withLock({ $0 }) { pause() }
      connection.reset()
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let caller = try proxy.connect()
    try caller.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    let (text, _) = try caller.read { $0.contains("part") }
    #expect(text.contains("transfer-encoding: chunked"))
    hasRead.withLock { $0 = true }
    #expect(try !caller.readToEnd().contains("0\r\n\r\n"))
  }

  /// A connect fails while an older connection serves: its answer shows that the endpoint lives.
  @Test func anAnswerEndsTheBackOff() throws {
    let isFree = Mutex(false)
    let server = try ScriptedServer { connection, server, _ in
      while true {
        let request = try server.readRequest(connection)
        if request.isEmpty { return }
        if request.hasPrefix("GET /held") { for _ in 0..<10_000 where !isFree.withLock({ $0 }) { pause() } }
        try connection.send(ForwardingTests.hello)
      }
    }
    let proxy = try ProxyHarness(dtab: "/svc/web => /$/inet/127.0.0.1/\(server.port)")
    let held = try proxy.connect()
    try held.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    #expect(try held.readAnswer().status == 200)
    server.close()
    try held.send("GET /held HTTP/1.1\r\nHost: web\r\n\r\n")
    try wait { server.requests.count == 2 }
    try wait { (try? RawConnection(port: server.port)) == nil }  // until the listener is gone
    #expect(try proxy.get("web").status == 502)
    isFree.withLock { $0 = true }
    #expect(try held.readAnswer().status == 200)
    for _ in 0..<20 {
      try held.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
      #expect(try held.readAnswer().status == 200)
    }
  }

  /// A request is being connected when its route loses the leaf it was picked from, and is then sent again.
  @Test func sendingAgainOutlivesASwapOfTheRoute() throws {
    var full: Holding? = Holding(try Socket.listen(on: .loopback(port: 0), backlog: 0))
    let fullPort = full?.socket.localAddress()?.port ?? 0
    // The queue of a listener that nobody accepts from takes one connection more than its backlog; the next one hangs.
    let filling = try (0..<2).map { _ in try Holding(Socket.connect(to: .loopback(port: fullPort))) }
    let server = try ScriptedServer.answering(ForwardingTests.hello)
    var limits = ProxyLimits.patient
    limits.connect = .seconds(20)
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", limits: limits)
    proxy.answerWants(set(1, [fullPort]))
    let caller = try proxy.connect()
    try caller.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n")
    try wait { try proxy.gauges().upstreamActive == 1 }
    proxy.worker.send(.endpoints(set(2, [fullPort, server.port])))
    try proxy.run("/svc/web => /$/nil", generation: 2)
    #expect(try proxy.get("web").status >= 500)  // binds anew: no leaf is left
    full = nil  // the kernel asks again within a second or two, and is refused
    let answer = try caller.readAnswer()
    #expect(answer.body == "hello", "\(answer)")
    let attempts = try proxy.collect(ticket: 99_999).attempts
    #expect(attempts.contains { $0.tryKind == .resend && $0.endpoint == "127.0.0.1:\(server.port)" })
    _ = filling.count
  }

  @Test func anAddressListedTwiceLeavesWhole() {
    var cluster = Cluster(name: name, state: .pending, now: .zero)
    _ = cluster.update(set(1, [80, 80, 81]))
    #expect(cluster.eligible.count == 2)
    _ = cluster.update(set(2, [81]))
    #expect(cluster.eligible.count == 1 && cluster.endpoints.filter { !$0.isFree }.count == 1)
  }
}

/// Keeps a socket open.
final class Holding {
  let socket: Socket
  init(_ socket: consuming Socket) { self.socket = socket }
}
