import MeshProtocol
import TestSupport
import Testing

@testable import DataPlane

/// One listener for callers that speak HTTP, TLS or anything else.
@Suite struct DetectionTests {
  /// A service that says back what it gets, after a greeting.
  private static func echo(greeting: String = "") throws -> ScriptedServer {
    try ScriptedServer { connection, _, _ in
      if !greeting.isEmpty { try connection.send(greeting) }
      while let received = try connection.readBytes(patience: RawConnection.patience) { try connection.send(received) }
    }
  }

  private func proxy(
    _ service: ScriptedServer, limits: ProxyLimits = .patient, _ change: (inout ListenerPolicy) -> Void = { _ in }
  ) throws -> ProxyHarness {
    var policy = ListenerPolicy()
    policy.tcpName = Path(labels: ["svc", "db"])
    change(&policy)
    return try ProxyHarness(
      dtab: "/svc => /$/inet/127.0.0.1/\(service.port) ; /svc/nowhere => !", limits: limits, policy: policy)
  }

  private func detected(_ proxy: ProxyHarness, _ spoken: DetectedProtocol) throws -> UInt64 {
    try proxy.collect(ticket: UInt64.random(in: 1...1_000_000)).detections[.outbound, spoken]
  }

  @Test func whatIsNoHTTPGoesOnAsBytes() throws {
    let proxy = try proxy(try Self.echo())
    for first in ["*1\r\n$4\r\nPING\r\n", "SSH-2.0-x y\r\n", "\u{0}\u{0}\u{0}\u{8}\u{4}\u{d2}\u{16}\u{2f}"] {
      let connection = try proxy.connect()
      try connection.send(first)
      #expect(try connection.readExactly(first.utf8.count) == first)
      try connection.send("more")
      #expect(try connection.readExactly(4) == "more")
    }
    #expect(try detected(proxy, .tcp) == 3)
  }

  /// Item 41: the line with which HTTP/2 begins is nobody else's, whatever follows it. What begins otherwise is told so in HTTP/1.1.
  @Test func aPrefaceThatBreaksOffIsHTTP2AllTheSame() throws {
    let proxy = try proxy(try Self.echo())
    for first in ["PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"] {
      let connection = try proxy.connect()
      try connection.send(first)
      #expect(try connection.frames { _ in false }.compactMap { $0.type == 7 ? $0.code : nil } == [.protocolError])
    }
    #expect(try detected(proxy, .tcp) == 0)
    let plain = try self.proxy(try Self.echo()) { $0.tcpName = nil }
    let connection = try plain.connect()
    try connection.send("INVALID CONNECTION PREFACE\r\n\r\n")
    #expect(try connection.readToEnd().hasPrefix("HTTP/1.1 400 "))
  }

  @Test func aBadRequestStaysARequest() throws {
    let proxy = try proxy(try Self.echo())
    #expect(try proxy.send("GET / HTTP/1.1\r\nBad Field: x\r\n\r\n").status == 400)
    #expect(try detected(proxy, .tcp) == 0)
  }

  /// Its request line shows what it speaks: it is slow, not TCP.
  @Test func aSlowHeadStaysARequest() throws {
    var limits = ProxyLimits.patient
    limits.detection = .milliseconds(50)
    let proxy = try proxy(try Self.echo(), limits: limits)
    let slow = try proxy.connect()
    try slow.send("GET / HTTP/1.1\r\nHost: w")
    #expect(try slow.readAnswer().status == 408)
    #expect(try detected(proxy, .silent) == 0)
  }

  @Test func withoutANameBytesAreRefused() throws {
    let proxy = try proxy(try Self.echo()) { $0.tcpName = nil }
    #expect(try proxy.send("*1\r\n$4\r\nPING\r\n").status == 400)
  }

  @Test func aServiceThatSpeaksFirst() throws {
    let service = try Self.echo(greeting: "220 ready\r\n")
    let declared = try proxy(service) { $0.listenerProtocol = .tcp }
    #expect(try declared.connect().readExactly(11) == "220 ready\r\n")
    #expect(try detected(declared, .declared) == 1)
    var limits = ProxyLimits.patient
    limits.detection = .milliseconds(50)
    let detecting = try proxy(service, limits: limits)
    let silent = try detecting.connect()
    #expect(try silent.readExactly(11) == "220 ready\r\n")
    #expect(try detected(detecting, .silent) == 1)
  }

  @Test func tlsGoesOnUnopenedToTheNameItAsksFor() throws {
    let service = try Self.echo()
    let proxy = try proxy(service) { $0.tcpName = nil }
    let hello = TestHello.asking(for: "Web.")
    let connection = try proxy.connect()
    for piece in [hello.prefix(2), hello[2..<20], hello[20...]] { try connection.send(Array(piece)) }
    #expect(try connection.readBytes(hello.count) == hello)
    let facts = try proxy.collect(ticket: 7)
    #expect(facts.detections[.outbound, .tlsPassthrough] == 1)
    #expect(facts.requests.map(\.service) == ["/svc/web"])
    // A name that no rule leads anywhere, and none at all: nothing can be said but that it is over.
    for host in ["nowhere", ""] {
      let refused = try proxy.connect()
      try refused.send(TestHello.asking(for: host))
      #expect(refused.isReset())
    }
    let closed = try self.proxy(service) {
      $0.passesTLS = false
      $0.tcpName = nil
    }
    let refused = try closed.connect()
    try refused.send(hello)
    #expect(try refused.readAnswer().status == 400)
  }

  @Test func bytesWaitForTheirName() throws {
    let service = try Self.echo()
    var policy = ListenerPolicy()
    policy.tcpName = Path(labels: ["svc", "db"])
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", policy: policy)
    let connection = try proxy.connect()
    try connection.send("*1\r\n")
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/db"), version: 1, state: .bound,
        endpoints: [Endpoint(address: .init("127.0.0.1:\(service.port)")!, text: "127.0.0.1:\(service.port)")]))
    #expect(try connection.readExactly(4) == "*1\r\n")
  }

  @Test func inboundBytesReachTheApplication() throws {
    let service = try Self.echo()
    let proxy = try proxy(service) {
      $0.application = InboundApplication(
        name: Path(labels: ["$", "inet", "127.0.0.1", "\(service.port)"])!, service: "/svc/users")
    }
    let connection = try proxy.connect()
    try connection.send("\u{0}\u{1}")
    #expect(try connection.readExactly(2) == "\u{0}\u{1}")
  }

  @Test func aLoadBalancerSaysForWhom() throws {
    let service = try ScriptedServer.saying("app")
    let proxy = try proxy(service) {
      $0.expectsProxyHeader = true
      $0.tellsCaller = true
    }
    let request = "GET / HTTP/1.1\r\nHost: web\r\n\r\n"
    for (header, from) in [("PROXY TCP4 10.1.2.3 10.0.0.2 4711 80\r\n", "10.1.2.3"), ("PROXY UNKNOWN\r\n", "127.0.0.1")] {
      let whole = header + request
      for cut in [1, header.utf8.count - 1, header.utf8.count, whole.utf8.count] {
        let connection = try proxy.connect()
        try connection.send(String(whole.prefix(cut)))
        try connection.send(String(whole.dropFirst(cut)))
        #expect(try connection.readAnswer().body == "app")
        #expect(RawAnswer.field("x-forwarded-for", in: try #require(service.requests.last)) == from)
      }
    }
    let stranger = try proxy.connect()
    try stranger.send(request)
    #expect(stranger.isReset())
    #expect(try proxy.collect(ticket: 9).badProxyHeaders == 1)
  }
}

extension RawConnection {
  /// The next `count` bytes.
  fileprivate func readBytes(_ count: Int) throws -> [UInt8] {
    var all: [UInt8] = []
    while all.count < count, let more = try readBytes(patience: Self.patience) {
      if more.isEmpty { throw TestTimeout() }
      all += more
    }
    return all
  }

  fileprivate func readExactly(_ count: Int) throws -> String { text(try readBytes(count)) }

  /// Whether the other side ends the connection without a word.
  fileprivate func isReset() -> Bool { (try? readBytes(patience: Self.patience)) == .some(nil) }
}

/// A ClientHello as a caller's first bytes.
private enum TestHello {
  static func asking(for host: String) -> [UInt8] {
    var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
    let name = host.isEmpty ? [] : vector(vector([0] + vector(bytes(host))))
    let extensions: [UInt8] = host.isEmpty ? [] : [0, 0] + name
    body += vector(extensions)
    let message: [UInt8] = [1, 0] + vector(body)
    return [0x16, 3, 1] + vector(message)
  }

  private static func vector(_ content: [UInt8]) -> [UInt8] {
    [UInt8(content.count >> 8), UInt8(content.count & 255)] + content
  }
}
