import Memory
import Serving
import SystemIO
import TLS
import TestSupport
import Testing

/// The client on a loop over TLS, against a server of another make.
@Suite struct SecureClientTests {
  private static let authority = Result { try TestAuthority() }
  private static let leaf = Result {
    try authority.get().leaf("relay", names: ["DNS:localhost", "IP:127.0.0.1", "DNS:api.test"])
  }

  private func client(
    trusting certificate: [UInt8], _ identity: TLSIdentity? = nil, serverName: String? = nil, peer: TLSPeerCheck = .required
  ) throws -> RunningClient {
    let settings = TLSSettings(
      trust: .certificates(pem: certificate), peer: peer, identities: identity.map { [$0] } ?? [], protocols: ["http/1.1"])
    let context = try TLSContext(.client, settings)
    return try RunningClient(security: { ClientSecurity(serverName: serverName) { context } })
  }

  private func failure(_ result: Result<HTTPResponse, HTTPClientError>?) -> String {
    if case .failure(let error) = result { error.description } else { "\(String(describing: result))" }
  }

  @Test(arguments: ["localhost", "127.0.0.1"]) func asks(_ host: String) throws {
    let server = try RunningServer(handler: echo)
    let relay = try TLSRelay(to: server.address.port, Self.leaf.get())
    let client = try client(trusting: Self.authority.get().certificate)
    let origin = HTTPOrigin(host: host, port: relay.port, isSecure: true)
    for round in 0..<3 {
      let answer = try client.send("POST", "/x", at: origin, body: bytes("round \(round)"))?.get()
      #expect(answer?.text?.hasSuffix("round \(round)") == true)
    }
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 1)  // kept
    let large = [UInt8](repeating: 0x61, count: 3 << 20)
    #expect(try client.send("PUT", "/", at: origin, body: large)?.get().bytes?.count ?? 0 > 3 << 20)
  }

  @Test func whomItDoesNotTrustItDoesNotAsk() throws {
    let server = try RunningServer(handler: echo)
    let relay = try TLSRelay(to: server.address.port, Self.leaf.get())
    let origin = HTTPOrigin(host: "localhost", port: relay.port, isSecure: true)
    let trust = try Self.authority.get().certificate
    let stranger = failure(try client(trusting: TestAuthority("Stranger").certificate).send(at: origin))
    #expect(stranger.contains("signed by nobody we trust"), "\(stranger)")
    let misnamed = failure(try client(trusting: trust, serverName: "other.test").send(at: origin))
    #expect(misnamed.contains("for another name") && misnamed.contains("api.test"), "\(misnamed)")
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 0)
    #expect(try client(trusting: trust, serverName: "api.test").send(at: origin)?.get().status == 200)
    let any = try client(trusting: TestAuthority("Stranger").certificate, peer: .none)
    #expect(try any.send(at: origin)?.get().status == 200)
    #expect(failure(try RunningClient().send(at: origin)).contains("nobody we trust"))
  }

  @Test func whatHasExpiredIsNotAsked() throws {
    let server = try RunningServer(handler: echo)
    let authority = try Self.authority.get()
    let relay = try TLSRelay(to: server.address.port, authority.leaf("old", names: ["DNS:localhost"], days: -1))
    let origin = HTTPOrigin(host: "localhost", port: relay.port, isSecure: true)
    let expired = failure(try client(trusting: authority.certificate).send(at: origin))
    #expect(expired.contains("has expired"), "\(expired)")
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 0)
  }

  @Test func provesWhoItIs() throws {
    let server = try RunningServer(handler: echo)
    let authority = try Self.authority.get()
    let relay = try TLSRelay(to: server.address.port, Self.leaf.get(), clients: authority.certificate)
    let origin = HTTPOrigin(host: "localhost", port: relay.port, isSecure: true)
    let own = try authority.leaf("me", names: [])
    let known = try client(trusting: authority.certificate, TLSIdentity(chain: own.certificate, key: own.key))
    #expect(try known.send(at: origin)?.get().status == 200)
    // What the client hears of it is the relay's affair: its alert does not always come out before it hangs up.
    let refused = try client(trusting: authority.certificate).send(at: origin)
    guard case .failure(.unreachable) = refused else {
      Issue.record("\(String(describing: refused))")
      return
    }
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 1)
  }

  /// Bodies that end with the connection: whole after a TLS close, cut short without.
  @Test func theEndOfTheConnection() throws {
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.0 200 OK\r\n\r\nuntil the end", socket)
    }
    let relay = try TLSRelay(to: server.address.port, Self.leaf.get())
    let origin = HTTPOrigin(host: "localhost", port: relay.port, isSecure: true)
    let client = try client(trusting: Self.authority.get().certificate)
    #expect(try client.send(at: origin)?.get().text == "until the end")
    #expect(client.counts().connections == 0)
  }

  @Test func whoSpeaksNoTLSIsFoundOut() throws {
    let server = try RunningServer(handler: echo)
    let origin = HTTPOrigin(host: "127.0.0.1", port: server.address.port, isSecure: true)
    let plain = failure(try client(trusting: Self.authority.get().certificate).send(at: origin))
    #expect(plain.contains("does not speak TLS"), "\(plain)")
    let silent = try ScriptedServer { _, socket in hear("never", socket) }
    let times = HTTPTimes(connect: .milliseconds(200), total: .seconds(20))
    let late = failure(
      try client(trusting: Self.authority.get().certificate).send(
        at: HTTPOrigin(host: "127.0.0.1", port: silent.address.port, isSecure: true), times: times))
    #expect(late.contains("no TLS in time"), "\(late)")
  }

  @Test func aContextThatCannotBeMadeFailsTheCall() throws {
    let client = try RunningClient(security: { ClientSecurity { throw TLSSetupError.keyMismatch } })
    let server = try RunningServer(handler: echo)
    let error = failure(client.send(at: HTTPOrigin(host: "127.0.0.1", port: server.address.port, isSecure: true)))
    #expect(error.contains("does not belong to the certificate"), "\(error)")
    #expect(client.counts().calls == 0)
  }
}
