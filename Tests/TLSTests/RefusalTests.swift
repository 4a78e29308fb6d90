import TLS
import TestSupport
import Testing

/// Who must not be talked to.
@Suite struct RefusalTests {
  /// Runs a handshake that must fail, and gives both sides' errors.
  private func failure(_ client: TLSContext, _ server: TLSContext, name: String? = "server.test") throws
    -> (client: TLSError?, server: TLSError?)
  {
    var pair = Pair(client, server, name: name)
    try pair.start()
    pair.pump()
    return (pair.clientError, pair.serverError)
  }

  private func fault(_ error: TLSError?) -> TLSCertificateFault? {
    if case .certificate(let fault, _) = error { fault } else { nil }
  }

  @Test func anotherAuthority() throws {
    let trust = TLSTrust.certificates(pem: try Kit.other.get().certificate)
    let errors = try failure(try Kit.clientContext(trust: trust), try Kit.serverContext())
    #expect(fault(errors.client) == .unknownIssuer)
    #expect(errors.client?.description.contains("server.test") == true)
    #expect(errors.server == .alert(.unknownAuthority))
  }

  @Test func theSystemsRootsDoNotKnowUs() throws {
    let errors = try failure(try Kit.clientContext(trust: .system), try Kit.serverContext())
    #expect(fault(errors.client) == .unknownIssuer)
  }

  @Test func expired() throws {
    let server = try Kit.serverContext(Kit.leaf("old", ["DNS:server.test"], days: -1).get())
    let errors = try failure(try Kit.clientContext(), server)
    #expect(fault(errors.client) == .expired)
    #expect(errors.server == .alert(.certificateExpired))
  }

  @Test(
    arguments: [
      "other.test", "xserver.test", "a.b.wild.test", "wild.test", "127.0.0.2", "::2", "", "server.test\0.evil", "*.wild.test", ".wild.test", ".test",
      "sérver.test",
      "spiffe://mesh/server", String(repeating: "a", count: 300),
    ])
  func anotherName(_ name: String) throws {
    let errors = try failure(try Kit.clientContext(), try Kit.serverContext(), name: name)
    #expect(fault(errors.client) == .wrongName, "\(String(describing: errors.client))")
  }

  /// The common name is no host name (RFC 9525).
  @Test func theSubjectIsNoName() throws {
    let server = try Kit.serverContext(Kit.leaf("server.test", []).get())
    #expect(fault(try failure(try Kit.clientContext(), server).client) == .wrongName)
  }

  @Test func selfSigned() throws {
    let leaf = try TestAuthority.selfSigned("server.test")
    let server = try Kit.serverContext(TLSIdentity(chain: leaf.certificate, key: leaf.key))
    #expect(fault(try failure(try Kit.clientContext(), server).client) == .selfSigned)
  }

  @Test func aClientsCertificateIsNoServers() throws {
    let server = try Kit.serverContext(Kit.leaf("c", ["DNS:server.test"], usage: "clientAuth").get())
    #expect(fault(try failure(try Kit.clientContext(), server).client) == .wrongPurpose)
  }

  @Test func aCallerWithoutCertificate() throws {
    let errors = try failure(try Kit.clientContext(), try Kit.serverContext(peer: .required))
    #expect(fault(errors.server) == .missing)
    #expect(errors.client == .alert(.certificateRequired))
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext(peer: .optional))
    try pair.connect()
    #expect(pair.server.state == .established && pair.server.peerCertificate == nil)
  }

  @Test(arguments: [TLSPeerCheck.required, .optional]) func aCallerOfAnotherAuthority(_ check: TLSPeerCheck) throws {
    let leaf = try Kit.other.get().leaf("stranger", names: [])
    let stranger = try Kit.clientContext(TLSIdentity(chain: leaf.certificate, key: leaf.key))
    let errors = try failure(stranger, try Kit.serverContext(peer: check))
    #expect(fault(errors.server) == .unknownIssuer)
    #expect(errors.client == .alert(.unknownAuthority))
  }

  @Test func anyoneWhenNothingIsChecked() throws {
    let leaf = try TestAuthority.selfSigned("x")
    let server = try Kit.serverContext(TLSIdentity(chain: leaf.certificate, key: leaf.key))
    var pair = Pair(try Kit.clientContext(peer: .none), server)
    try pair.connect()
    #expect(pair.client.peerCertificate?.subject == "CN=x")
  }

  /// A hello of TLS 1.1 as an old client sends it, without the extension that names versions.
  @Test(arguments: [UInt8(0), 1, 2]) func oldVersions(_ minor: UInt8) throws {
    var body: [UInt8] = [3, minor] + [UInt8](repeating: 7, count: 32) + [0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]
    body = [1, 0, 0, UInt8(body.count)] + body
    let hello = [22, 3, 1, 0, UInt8(body.count)] + body
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
    pair.fromClient.append(hello)
    pair.step()
    guard case .nothingInCommon = pair.serverError else { Issue.record("\(String(describing: pair.serverError))"); return }
  }

  /// A server that answers with TLS 1.1.
  @Test func anOldServer() throws {
    var body: [UInt8] = [3, 2] + [UInt8](repeating: 7, count: 32) + [0, 0xc0, 0x13, 0]
    body = [2, 0, 0, UInt8(body.count)] + body
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext())
    try pair.start()
    _ = take(&pair.fromClient)
    pair.fromServer.append([22, 3, 2, 0, UInt8(body.count)] + body)
    pair.step()
    guard case .nothingInCommon = pair.clientError else { Issue.record("\(String(describing: pair.clientError))"); return }
  }

  @Test func aServerMayInsistOnTheNewest() throws {
    var pair = Pair(try Kit.clientContext(), try Kit.serverContext(least: .v13))
    try pair.connect()
    #expect(pair.server.version == .v13)
  }
}
