import Foundation
import HTTP
import Memory
import Serving
import SystemIO
import TLS
import TestSupport
import Testing

/// The mesh port over TLS: beside plain calls on the same port, and alone.
@Suite struct SecureMeshTests {
  private static let authority = Result { try TestAuthority() }
  private static let users = "spiffe://heddle.local/ns/default/sa/users"
  private static let controller = "spiffe://heddle.local/heddle/controller"

  private static func identity(_ uri: String, days: Int = 1) throws -> TLSIdentity {
    let leaf = try authority.get().leaf("x", names: ["URI:\(uri)"], days: days)
    return try TLSIdentity(chain: leaf.certificate, key: leaf.key)
  }

  private static func context(
    _ role: TLSRole, _ identity: TLSIdentity?, peer: TLSPeerCheck = .optional, grace: Duration = .zero
  ) throws -> TLSContext {
    var settings = TLSSettings(
      trust: .certificates(pem: try authority.get().certificate), peer: peer, identities: identity.map { [$0] } ?? [],
      protocols: ["h2"])
    settings.trustDomain = "heddle.local"
    settings.expiryGrace = grace
    return try TLSContext(role, settings)
  }

  private static func server(_ policy: GRPCServerSecurity.Policy = .permissive, grace: Duration = .zero) throws
    -> GRPCServerSecurity
  {
    GRPCServerSecurity(context: try context(.server, identity(controller), grace: grace), policy: policy)
  }

  private static func client(_ identity: TLSIdentity?, expecting uri: String = controller) throws -> GRPCClientSecurity {
    GRPCClientSecurity(context: try context(.client, identity, peer: .required), serverURI: .exactly(uri))
  }

  /// Echoes one message and ends the call; what the caller was told.
  private func call(_ mesh: RunningMesh, _ security: GRPCClientSecurity?, _ text: String = "one") throws -> [String] {
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address, security: security)
      let call = client.open(path: "/test/Echo")
      _ = client.send(stream: call, framed: grpcFrame(Array(text.utf8)))
      client.halfClose(call)
    }
    return caller.events.wait { events in
      events.contains { $0.hasPrefix("closed ok") || $0.hasPrefix("failed") || $0.hasPrefix("disconnected") || $0.hasPrefix("closed u") }
    }
  }

  private func count(_ mesh: RunningMesh, _ name: String) -> Int64? {
    mesh.counters.readings.first { $0.name == name }?.value
  }

  @Test(arguments: [GRPCServerSecurity.Policy.permissive, .required]) func aCallerWithACertificateIsKnown(
    _ policy: GRPCServerSecurity.Policy
  ) throws {
    let mesh = try RunningMesh(security: Self.server(policy))
    let seen = try call(mesh, Self.client(Self.identity(Self.users)))
    #expect(seen == ["connected", "received one", "closed ok bye"])
    mesh.events.wait { $0.contains("closed") }
    #expect(mesh.peers.all.map(\.certificate?.uris) == [[Self.users]])
    #expect(mesh.peers.all.first?.isSecure == true && mesh.peers.all.first?.hasExpired == false)
    #expect(count(mesh, "tls_handshakes_total") == 1 && count(mesh, "tls_faults_total") == 0)
  }

  @Test func aCallerWithoutACertificateIsSecureAndUnknown() throws {
    let mesh = try RunningMesh(security: Self.server(.required))
    #expect(try call(mesh, Self.client(nil)).last == "closed ok bye")
    #expect(mesh.peers.all.first?.isSecure == true && mesh.peers.all.first?.certificate == nil)
  }

  @Test func plainCallsPassBesideTLS() throws {
    let mesh = try RunningMesh(security: Self.server(.permissive))
    #expect(try call(mesh, nil).last == "closed ok bye")
    #expect(try call(mesh, Self.client(Self.identity(Self.users))).last == "closed ok bye")
    #expect(mesh.peers.all.map(\.isSecure) == [false, true])
  }

  @Test func plainCallsAreRefusedWhereTLSIsRequired() throws {
    let mesh = try RunningMesh(security: Self.server(.required))
    let seen = try call(mesh, nil)
    #expect(seen.last == "closed unauthenticated this mesh port takes TLS only: the proxy needs an identity")
    #expect(mesh.events.all.isEmpty)
    let text = try RawClient(to: mesh.address)
    text.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    #expect(text.readAll().hasPrefix("HTTP/1.1 400"))
  }

  /// Messages larger than a record and than the windows.
  @Test func aMegabyteBothWays() throws {
    let mesh = try RunningMesh(security: Self.server())
    let caller = try RunningCaller()
    let security = try Self.client(Self.identity(Self.users))
    let message = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 10) }
    caller.client.execute { client in
      client.connect(to: mesh.address, security: security)
      for _ in 0..<3 {
        let call = client.open(path: "/test/Echo")
        _ = client.send(stream: call, framed: grpcFrame(message))
        client.halfClose(call)
      }
    }
    caller.events.wait { $0.filter { $0.hasPrefix("closed ok") }.count == 3 }
    #expect(caller.messages.all.count == 3 && caller.messages.all.allSatisfy { $0 == message })
  }

  @Test func whoeverIsNotTheControllerIsNotCalled() throws {
    let mesh = try RunningMesh(security: Self.server())
    let seen = try call(mesh, Self.client(Self.identity(Self.users), expecting: "spiffe://heddle.local/heddle/other"))
    let reason = seen.last ?? ""
    #expect(reason.hasPrefix("failed") && reason.contains("another mesh identity") && reason.contains(Self.controller), "\(seen)")
    waitFor { count(mesh, "tls_faults_total") == 1 }
    #expect(mesh.faults.all == ["alert"])
    #expect(mesh.peers.all.isEmpty)
  }

  @Test func aRefusedCallerIsToldAndCounted() throws {
    let mesh = try RunningMesh(security: Self.server())
    let seen = try call(mesh, Self.client(Self.identity(Self.users, days: -1)))
    #expect(seen.last?.contains("certificate_expired") == true, "\(seen)")
    waitFor { count(mesh, "tls_faults_total") == 1 }
    #expect(mesh.faults.all == ["certificate_expired"])
    #expect(mesh.peers.all.isEmpty)
  }

  @Test func anExpiredCallerWithinTheGraceIsTakenAndCounted() throws {
    let mesh = try RunningMesh(security: Self.server(grace: .seconds(200_000)))
    #expect(try call(mesh, Self.client(Self.identity(Self.users, days: -1))).last == "closed ok bye")
    #expect(mesh.peers.all.first?.hasExpired == true)
    #expect(count(mesh, "tls_expired_peers_total") == 1)
  }

  @Test func aPlainPortTellsThatItSpeaksNoTLS() throws {
    let mesh = try RunningMesh()
    let seen = try call(mesh, Self.client(nil))
    #expect(seen.last?.hasPrefix("failed") == true && seen.last?.contains("does not speak TLS") == true, "\(seen)")
  }

  /// Item 86: a caller that wants another protocol is told so; one that names none is taken, and so is one that asks for no name.
  @Test func protocolsThatDoNotMeet() throws {
    let mesh = try RunningMesh(security: Self.server())
    func security(_ protocols: [String]) throws -> GRPCClientSecurity {
      let trust = TLSTrust.certificates(pem: try Self.authority.get().certificate)
      return GRPCClientSecurity(context: try TLSContext(.client, TLSSettings(trust: trust, protocols: protocols)))
    }
    #expect(try call(mesh, security(["http/1.1"])).last?.contains("no_application_protocol") == true)
    waitFor { mesh.faults.all.count == 1 }
    #expect(mesh.faults.all == ["nothing_in_common"])
    #expect(try call(mesh, security([])).last == "closed ok bye")
    #expect(try call(mesh, security(["http/1.1", "h2"])).last == "closed ok bye")
  }

  /// Connections that stand keep what they began with; new ones get the new certificate.
  @Test func theContextIsReplacedWhileCallsRun() throws {
    let mesh = try RunningMesh(security: Self.server())
    let caller = try RunningCaller()
    let security = try Self.client(Self.identity(Self.users))
    caller.client.execute { client in
      client.connect(to: mesh.address, security: security)
      _ = client.open(path: "/test/Watch")
    }
    mesh.events.wait { $0.contains("opened /test/Watch") }
    let newer = GRPCServerSecurity(
      context: try Self.context(.server, Self.identity("spiffe://heddle.local/heddle/newer")), policy: .required)
    mesh.server.execute { $0.server?.security = newer }
    #expect(try call(mesh, security).last?.contains("another mesh identity") == true)
    #expect(try call(mesh, Self.client(nil, expecting: "spiffe://heddle.local/heddle/newer")).last == "closed ok bye")
    caller.client.execute { client in
      let call = client.open(path: "/test/Echo")
      _ = client.send(stream: call, framed: grpcFrame(Array("still".utf8)))
    }
    #expect(caller.events.wait { $0.contains("received still") }.contains("received still"))
  }

  /// A caller that begins a handshake and says no more is closed by the head's time, as one that says nothing.
  @Test(arguments: [[], [0x16], [0x16, 3, 1, 2, 0, 1]] as [[UInt8]]) func anUnfinishedHandshakeEnds(_ bytes: [UInt8]) throws {
    var limits = ServingLimits.mesh
    limits.headTimeout = .milliseconds(200)
    let mesh = try RunningMesh(limits, security: Self.server())
    let client = try RawClient(to: mesh.address)
    client.send(bytes)
    client.read()
    #expect(client.isEnded)
    #expect(count(mesh, "timeouts_total") == 1)
  }

  @Test func bytesThatOnlyBeginAsTLSEndWithAnAlert() throws {
    let mesh = try RunningMesh(security: Self.server())
    let client = try RawClient(to: mesh.address)
    client.send([0x16] + Array("GET / HTTP/1.1\r\n\r\n".utf8))
    let answer = client.read()
    #expect(client.isEnded)
    #expect(answer.isEmpty || answer[0] == 0x15)
    waitFor { count(mesh, "tls_faults_total") == 1 }
    #expect(mesh.peers.all.isEmpty)
  }

  /// Whatever follows the first byte, and wherever a hello is cut or changed, the server lives on.
  @Test func randomBytesBehindTheFirst() throws {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed: seed)
    let mesh = try RunningMesh(security: Self.server(.required))
    for _ in 0..<60 {
      let client = try RawClient(to: mesh.address)
      client.send([0x16, 3, 1] + (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
      client.shutdownWrite()
      client.read()
      #expect(client.isEnded, "seed \(seed)")
    }
    waitFor { mesh.counters.connectionsOpen.load(ordering: .relaxed) == 0 }
    #expect(try call(mesh, Self.client(nil)).last == "closed ok bye", "seed \(seed)")
    #expect(mesh.peers.all.count == 1)
  }
}
