import MeshProtocol
import SystemIO
import TestSupport
import Traffic

@testable import DataPlane

/// A connection of messages that follow their length: Thrift's frames, or Mux.
final class FramedConnection {
  let connection: RawConnection
  private var input: [UInt8] = []

  init(_ connection: RawConnection) { self.connection = connection }

  func send(_ bytes: [UInt8]) throws { try connection.send(bytes) }

  /// The next message without its length; nil when the other side has closed.
  func read() throws -> [UInt8]? {
    while true {
      if input.count >= 4 {
        let length = input[..<4].reduce(0) { $0 << 8 | Int($1) }
        if input.count >= 4 + length {
          defer { input.removeFirst(4 + length) }
          return Array(input[4..<(4 + length)])
        }
      }
      let more = try connection.receive()
      if more.isEmpty { return nil }
      input += more
    }
  }
}

extension ScriptedServer {
  /// A service that answers each message as the test says: with bytes as they stand on the wire, or with nothing. nil closes.
  /// - Parameter answer: gets a message without its length, and the connection's number, from 0.
  static func framed(_ answer: @escaping @Sendable ([UInt8], Int) -> [UInt8]?) throws -> ScriptedServer {
    try ScriptedServer { connection, server, number in
      let peer = FramedConnection(connection)
      while let message = try peer.read() {
        server.keep(String(message.map { Character(UnicodeScalar($0)) }))
        guard let said = answer(message, number) else { return }
        try peer.send(said)
      }
    }
  }

  /// The messages that came, each character a byte.
  var messages: [[UInt8]] { requests.map { $0.unicodeScalars.map { UInt8($0.value) } } }
}

extension ProxyHarness {
  /// A proxy for calls whose `/svc` and all below it is this service.
  convenience init(
    calls spoken: ListenerProtocol, to port: UInt16, limits: ProxyLimits = .patient, methodInName: Bool = false,
    dtab: String? = nil, policies: PolicyTable = PolicyTable()
  ) throws {
    var policy = ListenerPolicy()
    policy.listenerProtocol = spoken
    policy.identifiers = spoken.identifiers
    policy.methodInName = methodInName
    // The rules that calls bring along may lead to the tests' own services.
    var binding = BindingPolicy()
    binding.overrides.systemNames = [try Prefix(parsing: "/$/inet")]
    binding.policies = policies
    try self.init(dtab: dtab ?? "/svc => /$/inet/127.0.0.1/\(port)", limits: limits, policy: policy, binding: binding)
  }

  /// A caller's connection of messages.
  func framed() throws -> FramedConnection { FramedConnection(try connect()) }
}
