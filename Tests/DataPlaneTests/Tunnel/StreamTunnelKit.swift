import HTTP2
import MeshProtocol
import SystemIO
import TestSupport

@testable import DataPlane

extension HTTP2Client {
  /// Asks for a tunnel by extended CONNECT (RFC 8441 §4).
  func openTunnel(_ name: String = "websocket", authority: String = "web", fields: [(String, String)] = []) -> Int32 {
    let head = [
      (":method", "CONNECT"), (":protocol", name), (":scheme", "http"), (":authority", authority), (":path", "/chat"),
    ]
    return session.submitRequest(HeaderList(head + fields), endStream: false) ?? -1
  }

  /// Asks for one by CONNECT.
  func connect(_ authority: String) -> Int32 {
    session.submitRequest([":method": "CONNECT", ":authority": authority], endStream: false) ?? -1
  }

  /// Goes on until the answer to this request is there.
  func waitForHead(_ stream: Int32) { run { status[stream] != nil || isOver(stream) } }

  /// Goes on until as much has come on the stream as `text` has, which must be it.
  func expect(_ text: String, on stream: Int32) -> Bool {
    run { bodies[stream, default: []].count >= text.utf8.count || isOver(stream) }
    return self.text(stream) == text
  }

  func say(_ text: String, on stream: Int32, ends: Bool = false) {
    session.send(stream, Array(text.utf8), endStream: ends)
  }
}

/// WebSocket's handshake as a service of HTTP/1.1 does it.
enum Handshake {
  static func answer(to request: String, accept: String? = nil) -> String {
    let key = RawAnswer.field("sec-websocket-key", in: request) ?? ""
    let accept = accept ?? String(decoding: WebSocketHandshake(key: Array(key.utf8)).accept, as: UTF8.self)
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
  }

  /// A service that shakes hands and goes on with `script`.
  static func service(
    _ script: @escaping @Sendable (RawConnection, ScriptedServer) throws -> Void = Switch.echo
  ) throws -> ScriptedServer {
    try ScriptedServer { connection, server, _ in
      let request = try server.readRequest(connection)
      if request.isEmpty { return }
      try connection.send(answer(to: request))
      try script(connection, server)
    }
  }
}

extension HTTP2Service {
  /// A service that takes tunnels and says what it hears, until the other side has said all.
  static func echo(takes: Bool = true) throws -> HTTP2Service {
    var settings = HTTP2Settings()
    settings.takesExtendedConnect = takes
    return try HTTP2Service(
      settings: settings,
      atHead: { call in
        guard call.fields[":method"] == "CONNECT" else { return .goOn }
        let fields: HeaderList = [":status": "200", "x-seen": call.fields.fields.map { "\($0.name)=\($0.value)" }.joined(separator: " ")]
        call.session.submitResponse(call.stream, fields, endStream: false)
        return .goOn
      },
      atData: { call, bytes in
        if bytes == Array("reset".utf8) {
          call.session.reset(call.stream, .cancel)
        } else {
          call.session.send(call.stream, bytes)
        }
      },
      atEnd: { call in
        if call.fields[":method"] == "CONNECT" {
          call.session.send(call.stream, [], endStream: true)
        } else {
          call.answer("plain")
        }
        return .goOn
      })
  }
}

extension ProxyHarness {
  /// A proxy whose `web` is these endpoints, which declare HTTP/2.
  static func toHTTP2(_ ports: UInt16..., limits: ProxyLimits = .patient, policy: ListenerPolicy = ListenerPolicy()) throws
    -> ProxyHarness
  {
    let proxy = try ProxyHarness(dtab: "/svc => /#/registry", limits: limits, policy: policy)
    proxy.answerWants(
      EndpointSet(
        name: try Path(parsing: "/#/registry/web"), version: 1, state: .bound,
        endpoints: ports.map { Endpoint(address: .loopback(port: $0), text: "127.0.0.1:\($0)") }, serviceProtocol: .http2))
    return proxy
  }
}
