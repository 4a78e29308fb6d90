import Foundation
import TestSupport
import Testing

/// A WebSocket client and server that share no code with ours (`websocket_peer.py`), through real proxies.
@Suite(.serialized, .enabled(if: python != nil, "HEDDLE_PYTHON names an interpreter with websockets"))
struct WebSocketTests {
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("websocket_peer.py").path

  /// A proxy and an echoing service behind the name `chat`.
  private struct World {
    let mesh = try! Mesh()
    let proxy: (program: RunningProgram, address: String, admin: String)
    let service: RunningProgram

    init(workers: Int = 2) throws {
      service = try WebSocketTests.peer("serve")
      try mesh.register("chat", try service.address("listen"))
      proxy = try mesh.startProxy("edge", workers: workers)
      try mesh.route("/svc/chat", "/#/registry/chat")
    }

    /// - Parameters:
    ///   - way: `talk` over HTTP/1.1, `stream` over HTTP/2.
    ///   - authority: a file; under TLS then.
    func talk(_ way: String = "talk", by address: String? = nil, trusting authority: String = "") throws -> ToolAnswer {
      try run(
        try #require(python), [WebSocketTests.script, way, address ?? proxy.address, "chat", authority], folder: mesh.folder)
    }

    func metric(_ name: String) throws -> Int? {
      let line = try curl("http://\(proxy.admin)/metrics").body.split(separator: "\n").first { $0.hasPrefix(name + " ") }
      return line.flatMap { Int($0.dropFirst(name.count + 1)) }
    }
  }

  private static func peer(_ arguments: String...) throws -> RunningProgram {
    try RunningProgram(try #require(python), [script] + arguments)
  }

  /// Texts, binary messages, megabytes, a thousand in a row, ping, and a close with its code.
  @Test func aConversation() throws {
    let world = try World()
    for _ in 0..<2 {
      let talk = try world.talk()
      #expect(talk.code == 0 && talk.output == "closed 4001\n", "\(talk) \(world.service.text)")
    }
    try eventually("both tunnels are closed") { try world.metric("heddle_tunnels") == 0 ? () : nil }
    #expect(try world.metric("heddle_tunnel_bytes_total{flow=\"received\"}") ?? 0 > 2 << 20)
    #expect(try world.metric("heddle_tunnel_bytes_total{flow=\"sent\"}") ?? 0 > 2 << 20)
    #expect(try world.metric("heddle_requests_total{direction=\"outbound\",service=\"/svc/chat\",class=\"success\"}") == 2)
  }

  /// The second proxy is what the first one takes for the service.
  @Test func throughTwoProxies() throws {
    let world = try World()
    let folder = try ScratchFolder()
    try """
    outbound: {listen: 127.0.0.1:0}
    admin: {listen: 127.0.0.1:0}
    registry: {edge: ["\(world.proxy.address)"]}
    dtab: /svc/chat => /#/registry/edge
    """.write(toFile: folder.path + "/front.yaml", atomically: true, encoding: .utf8)
    let front = try RunningProgram("heddle-proxy", ["--config", folder.path + "/front.yaml"])
    let talk = try world.talk(by: try front.address("outbound"))
    #expect(talk.code == 0 && talk.output == "closed 4001\n", "\(talk) \(front.text)")
    #expect(try world.metric("heddle_requests_total{direction=\"outbound\",service=\"/svc/chat\",class=\"success\"}") == 1)
  }

  /// By extended CONNECT (RFC 8441), with streams for several conversations at once, to a service that speaks HTTP/1.1.
  @Test func overHTTP2() throws {
    let world = try World()
    let talk = try world.talk("stream")
    #expect(talk.code == 0 && talk.output == "closed 4001\n", "\(talk) \(world.proxy.program.text)")
    try eventually("the tunnels are closed") { try world.metric("heddle_tunnels") == 0 ? () : nil }
    #expect(try world.metric("heddle_requests_total{direction=\"outbound\",service=\"/svc/chat\",class=\"success\"}") == 3)
  }

  /// TLS from callers ends at a first proxy, which takes the second one for the service.
  @Test func underTLS() throws {
    let world = try World()
    let (authority, folder) = (try TestAuthority("Servers"), try ScratchFolder())
    defer { authority.remove() }
    let leaf = try authority.leaf("chat", names: ["DNS:chat"])
    for (name, bytes) in [("servers.pem", authority.certificate), ("chat.pem", leaf.certificate), ("chat.key", leaf.key)] {
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/" + name))
    }
    try """
    outbound:
      listen: 127.0.0.1:0
      tls: {certificates: [{chain: \(folder.path)/chat.pem, key: \(folder.path)/chat.key}]}
    admin: {listen: 127.0.0.1:0}
    registry: {edge: ["\(world.proxy.address)"]}
    dtab: /svc/chat => /#/registry/edge
    """.write(toFile: folder.path + "/front.yaml", atomically: true, encoding: .utf8)
    let front = try RunningProgram("heddle-proxy", ["--config", folder.path + "/front.yaml"])
    for way in ["talk", "stream"] {
      let talk = try world.talk(way, by: try front.address("outbound"), trusting: folder.path + "/servers.pem")
      #expect(talk.code == 0 && talk.output == "closed 4001\n", "\(talk) \(front.text)")
    }
  }

  /// A change of rules and the loss of the controller leave an open connection alone; so does a drain, until its grace is over.
  @Test func openConnectionsStay() throws {
    let world = try World()
    let client = try Self.peer("idle", world.proxy.address, "chat")
    try eventually("it is open") { client.text.contains("open\n") ? () : nil }
    try world.mesh.route("/svc/chat", "/#/registry/nobody")
    world.mesh.killController()
    try eventually("the tunnel is there") { try world.metric("heddle_tunnels") == 1 ? () : nil }
    world.proxy.program.terminate()
    for _ in 0..<100 { usleep(20_000) }  // past what draining gives idle callers
    #expect(client.isRunning && world.proxy.program.isRunning, "\(client.text) \(world.proxy.program.text)")
    world.proxy.program.terminate()
    try eventually("it is cut off") { client.text.contains("cut off") ? () : nil }
  }

  @Test func aServiceThatDiesCutsItsConnections() throws {
    let world = try World()
    let client = try Self.peer("idle", world.proxy.address, "chat")
    try eventually("it is open") { client.text.contains("open\n") ? () : nil }
    world.service.kill()
    try eventually("it is cut off: no close frame came") { client.text.contains("cut off") ? () : nil }
    try eventually("the tunnel is closed") { try world.metric("heddle_tunnels") == 0 ? () : nil }
  }
}
