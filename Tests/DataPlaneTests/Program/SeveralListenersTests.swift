import Serving
import TestSupport
import Testing
import Thrift

@testable import DataPlane

/// One proxy that takes HTTP on one port, calls on another, and connections of a service that speaks first on a third.
@Suite(.serialized) struct SeveralListenersTests {
  @Test func eachTakesItsOwnProtocol() throws {
    let web = try Application()
    let calls = try ScriptedServer.framed { message, _ in
      framed(thrift(.reply, sequence: try! ThriftMessage(message.span).sequence))
    }
    let database = try ScriptedServer { connection, _, _ in
      try connection.send("I speak first")
      while try !connection.receive().isEmpty {}
    }
    let proxy = try RunningProxy(
      """
      registry: {web: ["\(web.address)"], calls: {protocol: thrift, endpoints: ["127.0.0.1:\(calls.port)"]},
                 db: {protocol: tcp, endpoints: ["127.0.0.1:\(database.port)"]}}
      dtab: /svc => /#/registry ; /svc => /#/registry/calls ; /svc/web => /#/registry/web ; /svc/db => /#/registry/db
      """,
      outbound: """
        [{name: calls, listen: "127.0.0.1:0", protocol: thrift}, {name: db, listen: "127.0.0.1:0", protocol: tcp, tcp: /svc/db}]
        """)
    defer { proxy.end() }
    let listeners = proxy.program.listeners
    #expect(listeners.map(\.name) == ["outbound", "calls", "db"])
    #expect(Set(listeners.map(\.address.port)).count == 3 && listeners.allSatisfy { $0.address.port > 0 })

    #expect(try eventually { try proxy.call("web") == 200 })
    let caller = FramedConnection(try RawConnection(port: listeners[1].address.port))
    try caller.send(framed(thrift(.call, sequence: 3)))
    #expect(try caller.read() == thrift(.reply, sequence: 3))
    let client = try RawConnection(port: listeners[2].address.port)
    #expect(try text(client.receive()) == "I speak first")

    #expect(try proxy.call("calls") == 502, "a service that says it speaks Thrift is not asked over HTTP")

    let view = try #require(try proxy.admin("/config").text)
    for listener in listeners {
      #expect(view.contains("\"name\":\"\(listener.name)\",\"address\":\"\(listener.address)\""), "\(view)")
    }
    let metrics = try #require(try proxy.admin("/metrics").text)
    for name in ["calls", "db"] {
      #expect(metrics.contains("heddle_listener_connections_total{listener=\"\(name)\"} 1\n"), "\(metrics)")
    }
  }

  /// Two applications under one name: each listener leads to its own.
  @Test func eachApplicationHasItsOwn() throws {
    let (first, second) = (try ScriptedServer.saying("first"), try ScriptedServer.saying("second"))
    let proxy = try RunningProxy(
      """
      dtab: /svc => /#/registry
      inbound:
        listen: "127.0.0.1:0"
        application: \(first.port)
        listeners: [{name: second, listen: "127.0.0.1:0", application: \(second.port)}]
      """, workers: 1)
    defer { proxy.end() }
    let listeners = proxy.program.listeners
    #expect(listeners.map(\.name) == ["outbound", "inbound", "second"])
    for _ in 0..<2 {
      for (listener, said) in [(listeners[1], "first"), (listeners[2], "second")] {
        let client = HTTPClient(address: listener.address, timeout: .seconds(20))
        #expect(try client.send("GET", "/", headers: ["host": "any"]).text == said)
      }
    }
  }

  @Test func anAddressInUseIsSaidWithItsPlace() throws {
    let taken = try ScriptedServer.saying("here")
    let error = #expect(throws: StartFailure.self) {
      let configuration = try proxyConfiguration(
        """
        workers: 1
        admin: {listen: "127.0.0.1:0"}
        outbound: {listen: "127.0.0.1:0", listeners: [{name: second, listen: "127.0.0.1:\(taken.port)"}]}
        """)
      _ = try ProxyProgram(configuration, log: .init(clock: { 0 }, write: { _ in }), onDrained: {})
    }
    #expect(error?.description.hasPrefix("outbound.listeners[0].listen: 127.0.0.1:\(taken.port): ") == true)
  }
}
