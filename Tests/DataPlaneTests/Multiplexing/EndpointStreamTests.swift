import HTTP2
import MeshProtocol
import SystemIO
import TestSupport
import Testing
import Traffic

@testable import DataPlane

/// Requests that go out over HTTP/2: what endpoints may do to them, and what their callers see.
@Suite struct EndpointStreamTests {
  /// A proxy whose `/svc/web` is these endpoints, which declare HTTP/2.
  private func proxy(to ports: [UInt16], limits: ProxyLimits = .patient) throws -> ProxyHarness {
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", limits: limits)
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
        endpoints: ports.map { Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)") }, serviceProtocol: .http2))
    return proxy
  }

  private func client(of proxy: ProxyHarness, window: Int32 = 256 << 10) throws -> HTTP2Client {
    var settings = HTTP2Settings()
    settings.streamWindow = window
    return try HTTP2Client(to: SocketAddress(host: "127.0.0.1", port: proxy.port)!, settings: settings)
  }

  @Test func bothVersionsOfCallersAreServedOnOneConnection() throws {
    let service = try HTTP2Service(atEnd: { call in
      call.answer("\(call.fields[":authority"] ?? "") \(call.fields[":path"] ?? "") \(call.fields["x-sum"] ?? "")", trailers: ["x-end": "1"])
      return .goOn
    })
    let proxy = try proxy(to: [service.port])
    let older = try proxy.get("web", path: "/a", fields: "X-Sum: 1\r\n")
    #expect(older.status == 200 && older.body.contains("web /a 1"), "\(older)")
    let client = try client(of: proxy)
    let streams = (0..<100).map { client.request("POST", "/\($0)", authority: "web", body: Array("hello".utf8)) }
    client.run { streams.allSatisfy { client.isOver($0) } }
    for (number, stream) in streams.enumerated() {
      #expect(client.text(stream) == "web /\(number) ")
      #expect(client.trailers[stream]?["x-end"] == "1")
    }
    #expect(service.connections == 1)
    #expect(try proxy.gauges().upstreamIdle == 1)
  }

  @Test func aFullConnectionIsJoinedByAnother() throws {
    var settings = HTTP2Settings()
    settings.concurrentStreams = 2
    let service = try HTTP2Service(
      settings: settings,
      atEnd: { call in
        // The first shows what the endpoint allows; of the rest none is answered before all are here.
        if call.fields[":path"] == "/first" { call.answer("first") }
        return .goOn
      })
    let proxy = try proxy(to: [service.port])
    let client = try client(of: proxy)
    let first = client.request("GET", "/first", authority: "web")
    client.run { client.isOver(first) }
    _ = (0..<6).map { client.request("GET", "/\($0)", authority: "web") }
    client.run { service.connections == 3 }
    #expect(service.connections == 3)
    #expect(try proxy.gauges().requestsInFlight == 6)
  }

  @Test(arguments: ["refused", "goaway"]) func whatWasSurelyNotSeenGoesElsewhere(how: String) throws {
    let service = try HTTP2Service(atEnd: { call in
      guard call.connection == 0 else {
        call.answer("again")
        return .goOn
      }
      call.session.reset(call.stream, .refusedStream)
      if how == "refused" { return .goOn }
      call.session.goAway(.noError)
      return .close
    })
    let other = try HTTP2Service(atEnd: { call in
      call.answer("other")
      return .goOn
    })
    let proxy = try proxy(to: how == "refused" ? [service.port, other.port] : [service.port])
    let client = try client(of: proxy)
    for _ in 0..<20 {
      let stream = client.request("POST", "/", authority: "web", body: Array("hello".utf8))
      client.run { client.isOver(stream) }
      #expect(client.status[stream] == "200")
      #expect(["again", "other"].contains(client.text(stream)))
    }
  }

  @Test func whatTheServiceBreaksOffIsBrokenOff() throws {
    let service = try HTTP2Service(
      atHead: { call in
        guard call.fields[":path"] == "/within" else { return .goOn }
        call.session.submitResponse(call.stream, [":status": "200"], endStream: false)
        call.session.send(call.stream, Array("half".utf8))
        return .goOn
      },
      atEnd: { call in
        call.session.reset(call.stream, .internalError)
        return .goOn
      })
    let proxy = try proxy(to: [service.port])
    let client = try client(of: proxy)
    let before = client.request("POST", "/before", authority: "web", body: [1])
    let within = client.request("POST", "/within", authority: "web", body: [1], staysOpen: true)
    client.run { client.text(within) == "half" }
    client.session.send(within, [2], endStream: true)
    client.run { client.isOver(before) && client.isOver(within) }
    #expect(client.status[before] == "502")
    #expect(client.heads[before]?["heddle-error"] == "upstream-reset")
    #expect(client.closed[within] == .internalError)
    #expect(try proxy.gauges().requestsInFlight == 0)
  }

  @Test func aCompleteAnswerOutlivesItsConnection() throws {
    let length = 200_000
    let service = try HTTP2Service(atEnd: { call in
      call.answer(String(repeating: "x", count: length))
      return .close
    })
    let proxy = try proxy(to: [service.port])
    let client = try client(of: proxy, window: 65_535)
    client.consumes = false  // the caller's window is soon full; the rest waits in the proxy
    let stream = client.request("GET", "/", authority: "web")
    client.run { (client.bodies[stream]?.count ?? 0) == 65_535 }
    try wait { try proxy.gauges().upstreamActive == 0 }  // the service has closed
    client.consumes = true
    client.session.consume(stream, 65_535)
    client.run { client.isOver(stream) }
    #expect(client.bodies[stream]?.count == length)
    #expect(client.closed[stream] == .noError)
  }

  @Test func whatIsNoHTTP2IsSaidToBe() throws {
    let server = try ScriptedServer.answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    let proxy = try proxy(to: [server.port])
    let answer = try proxy.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-protocol", "\(answer)")
  }

  /// A gRPC caller's deadline is told as such, whether its call has reached a service or still waits for the name.
  @Test(arguments: [true, false]) func aCallersDeadlineIsItsOwn(isBound: Bool) throws {
    let service = try HTTP2Service()  // answers nothing
    let proxy = isBound ? try proxy(to: [service.port]) : try ProxyHarness(dtab: "/svc => /#/registry")
    let client = try client(of: proxy)
    let call = client.request(
      "POST", "/a.B/C", authority: "web", headers: [("content-type", "application/grpc"), ("grpc-timeout", "50m"), ("te", "trailers")],
      body: [0, 0, 0, 0, 0])
    client.run { client.isOver(call) }
    #expect(client.heads[call]?["grpc-status"] == "4")
    #expect(client.heads[call]?["heddle-error"] == "deadline")
    #expect(try proxy.gauges().requestsInFlight == 0)
  }

  @Test func aTimeoutThatIsNoneIsRefused() throws {
    let service = try HTTP2Service()
    let proxy = try proxy(to: [service.port])
    let client = try client(of: proxy)
    let call = client.request(
      "POST", "/a.B/C", authority: "web", headers: [("content-type", "application/grpc"), ("grpc-timeout", "soon")], body: [])
    client.run { client.isOver(call) }
    #expect(client.heads[call]?["grpc-status"] == "3")
    #expect(service.connections == 0)
  }

  @Test func nobodyListens() throws {
    let port = try { () throws -> UInt16 in
      let socket = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0)!)
      return socket.localAddress()!.port
    }()
    let proxy = try proxy(to: [port])
    let answer = try proxy.get("web")
    #expect([502, 503].contains(answer.status), "\(answer)")
    #expect(answer.field("l5d-retryable") == "true")
    #expect(try proxy.gauges().upstreamActive == 0)
  }

  @Test func aServiceThatDoesNotReadStallsItsCallerAlone() throws {
    let service = try HTTP2Service(
      reads: false,
      atEnd: { call in
        call.answer("read")
        return .goOn
      })
    let proxy = try proxy(to: [service.port])
    let client = try client(of: proxy)
    let large = client.request("POST", "/large", authority: "web", body: [UInt8](repeating: 1, count: 4 << 20))
    client.run { service.bodyBytes >= 256 << 10 }
    let small = client.request("GET", "/small", authority: "web")
    client.run { client.isOver(small) }
    #expect(client.text(small) == "read")
    #expect(!client.isOver(large))
    // What the service's window, the proxy's buffers and the caller's window hold, and no more.
    #expect(client.session.queuedBytes(large) > 2 << 20)
  }

  @Test func aSilentEndpointIsAskedAndGivenUp() throws {
    let server = try ScriptedServer { connection, _, _ in
      while try connection.readBytes(patience: 1000) != nil {}  // settings never come
    }
    var limits = ProxyLimits.patient
    limits.ping = .milliseconds(100)
    let proxy = try proxy(to: [server.port], limits: limits)
    let answer = try proxy.get("web")
    #expect(answer.status == 502 && answer.field("heddle-error") == "upstream-reset", "\(answer)")
  }
}
