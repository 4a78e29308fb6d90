import TLS
import TestSupport
import Testing

@Suite struct HandshakeTests {
  @Test func bothSidesTalk() throws {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
    try pair.connect()
    #expect(pair.client.state == .established && pair.server.state == .established)
    #expect(pair.client.version == .v13)
    try pair.client.send(bytes("ping").span, output: &pair.fromClient)
    try pair.server.send(bytes("pong").span, output: &pair.fromServer)
    pair.pump()
    #expect(text(take(&pair.atServer)) == "ping")
    #expect(text(take(&pair.atClient)) == "pong")
  }

  @Test func theClientSeesWhoTheServerIs() throws {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
    try pair.connect()
    let presented = pair.client.peerCertificate
    let certificate = try #require(presented)
    #expect(certificate.subject == "CN=server")
    #expect(certificate.issuer == "CN=Test CA")
    #expect(certificate.dnsNames == ["server.test", "*.wild.test"])
    #expect(certificate.addresses == ["127.0.0.1", "0:0:0:0:0:0:0:1"])
    #expect(certificate.uris == ["spiffe://mesh/server"])
    #expect(certificate.notBefore > 0 && certificate.notAfter == certificate.notBefore + 86_400)
    #expect(certificate.fingerprint.count == 32)
    #expect(pair.server.peerCertificate == nil)
    #expect(pair.server.requestedName == "server.test")
  }

  /// Every way to cut each side's stream in two gives the same.
  @Test func everySplit() throws {
    let (client, server) = (try Kit.clientContext(), try Kit.serverContext())
    for size in [1, 2, 3, 5, 7, 64, 100, 1000] {
      var pair = Pair(client, server)
      try pair.connect(most: size)
      try pair.client.send(bytes("from the client").span, output: &pair.fromClient)
      try pair.server.send(bytes("from the server").span, output: &pair.fromServer)
      pair.pump(most: size)
      #expect(text(take(&pair.atServer)) == "from the client")
      #expect(text(take(&pair.atClient)) == "from the server")
    }
    var hello = Pair(client, server)
    try hello.start()
    let first = take(&hello.fromClient)
    try forEverySplit(of: first) { front, back in
      var session = Pair(client, server)
      try session.server.receive(front.span, plaintext: &session.atServer, output: &session.fromServer)
      try session.server.receive(back.span, plaintext: &session.atServer, output: &session.fromServer)
      let count = session.fromServer.count
      #expect(count > 500)
    }
  }

  @Test func theServersOrderOfProtocolsDecides() throws {
    let server = try Kit.serverContext(protocols: ["h2", "http/1.1"])
    for (offered, agreed) in [(["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), (["x", "http/1.1"], "http/1.1")] {
      var pair = Pair(try Kit.clientContext(protocols: offered), server)
      try pair.connect()
      #expect(pair.client.applicationProtocol == agreed && pair.server.applicationProtocol == agreed)
    }
    var silent = Pair(try Kit.clientContext(), server)
    try silent.connect()
    #expect(silent.client.applicationProtocol == nil && silent.server.applicationProtocol == nil)
  }

  @Test func noCommonProtocolIsRefused() throws {
    var pair = Pair(try Kit.clientContext(protocols: ["h3"]), try Kit.serverContext(protocols: ["h2"]))
    try pair.start()
    pair.pump()
    #expect(pair.clientError == .alert(.noApplicationProtocol))
    guard case .nothingInCommon = pair.serverError else { Issue.record("\(String(describing: pair.serverError))"); return }
  }

  @Test func theNameChoosesTheCertificate() throws {
    let one = try Kit.leaf("one", ["DNS:one.test", "DNS:*.many.test"]).get()
    let two = try Kit.leaf("two", ["DNS:two.test", "DNS:own.many.test"]).get()
    let server = try TLSContext(.server, TLSSettings(peer: .none, identities: [one, two]))
    let client = try Kit.clientContext(peer: .none)
    for (name, subject) in [
      ("one.test", "one"), ("TWO.test", "two"), ("a.many.test", "one"), ("own.many.test", "two"), ("else.test", "one"),
    ] {
      var pair = Pair(client, server, name: name)
      try pair.connect()
      #expect(pair.client.peerCertificate?.subject == "CN=\(subject)", "\(name)")
    }
  }

  @Test func bothProveWhoTheyAre() throws {
    var pair = Pair(try Kit.clientContext(Kit.client.get()), try Kit.serverContext(peer: .required))
    try pair.connect()
    #expect(pair.server.peerCertificate?.uris == ["spiffe://mesh/client"])
  }

  @Test func aTrustedIntermediateIsEnough() throws {
    // The leaf itself as the anchor: no root is anywhere.
    let leaf = try Kit.authority.get().leaf("pinned", names: ["DNS:server.test"])
    let identity = try TLSIdentity(chain: leaf.certificate, key: leaf.key)
    var pair = Pair(
      try Kit.clientContext(trust: .certificates(pem: leaf.certificate)), try Kit.serverContext(identity))
    try pair.connect()
    #expect(pair.client.state == .established)
  }

  @Test(arguments: ["server.test", "SERVER.test", "server.test.", "a.wild.test", "127.0.0.1", "::1", "0:0::1"])
  func names(_ name: String) throws {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext(), name: name)
    try pair.connect()
    #expect(pair.client.state == .established)
  }

  @Test func withoutANameTheChainAloneCounts() throws {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext(), name: nil)
    try pair.connect()
    #expect(pair.server.requestedName == nil)
  }
}
