import SystemIO

@testable import DataPlane

/// Upgrades as browsers ask for them and services accept them.
enum Switch {
  static let request = "GET /chat HTTP/1.1\r\nHost: web\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nX-Key: 1\r\n\r\n"
  static let answer =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Accept: 1\r\nKeep-Alive: 5\r\n\r\n"

  /// A service that reads a request, answers it so and goes on with `script`.
  static func service(
    answer: String = Switch.answer, then script: @escaping @Sendable (RawConnection, ScriptedServer) throws -> Void = echo
  ) throws -> ScriptedServer {
    try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty {
        try connection.send(answer)
        if answer.contains("101 Switching") { return try script(connection, server) }
      }
    }
  }

  /// Says what it hears, until the other side has said all.
  static func echo(_ connection: RawConnection, _ server: ScriptedServer) throws {
    while true {
      let bytes = try connection.readSome()
      if bytes.isEmpty { return }
      try connection.send(bytes)
    }
  }
}

extension ProxyHarness {
  /// A connection that has switched protocols.
  func tunnel(_ request: String = Switch.request) throws -> RawConnection {
    let caller = try connect()
    try caller.send(request)
    let head = try caller.readHead()
    guard head.hasPrefix("HTTP/1.1 101 ") || head.hasPrefix("HTTP/1.1 200 ") else { throw NoTunnel(answer: head) }
    return caller
  }

  /// Waits until nothing is open.
  func waitUntilIdle() throws {
    try DataPlaneTests.wait {
      let gauges = try self.gauges()
      return gauges.tunnels == 0 && gauges.downstreamConnections == 0 && gauges.upstreamActive == 0 && gauges.upstreamIdle == 0
    }
  }
}

extension RawConnection {
  /// As many bytes as `text` has, which must be these.
  func expect(_ text: String) throws -> Bool {
    var all: [UInt8] = []
    while all.count < text.utf8.count {
      let more = try readSome()
      if more.isEmpty { break }
      all += more
    }
    return all == Array(text.utf8)
  }
}

struct NoTunnel: Error { let answer: String }
