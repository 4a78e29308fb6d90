import Memory
import TLS
import TestSupport

/// The certificates of these tests, made once.
enum Kit {
  static let authority = Result { try TestAuthority() }
  static let other = Result { try TestAuthority("Another CA") }
  static let server = leaf("server", ["DNS:server.test", "DNS:*.wild.test", "IP:127.0.0.1", "IP:::1", "URI:spiffe://mesh/server"])
  static let client = leaf("client", ["URI:spiffe://mesh/client"])

  static func leaf(_ name: String, _ names: [String], days: Int = 1, usage: String = "") -> Result<TLSIdentity, any Error> {
    Result {
      let leaf = try authority.get().leaf(name, names: names, days: days, usage: usage)
      return try TLSIdentity(chain: leaf.certificate, key: leaf.key)
    }
  }

  static func trust() throws -> TLSTrust { .certificates(pem: try authority.get().certificate) }

  static func serverContext(
    _ identity: TLSIdentity? = nil, peer: TLSPeerCheck = .none, protocols: [String] = [], least: TLSVersion = .v12
  ) throws -> TLSContext {
    try TLSContext(
      .server,
      TLSSettings(
        trust: trust(), peer: peer, identities: [try identity ?? server.get()], protocols: protocols, minimumVersion: least))
  }

  static func clientContext(
    _ identity: TLSIdentity? = nil, trust: TLSTrust? = nil, peer: TLSPeerCheck = .required, protocols: [String] = []
  ) throws -> TLSContext {
    try TLSContext(
      .client,
      TLSSettings(
        trust: try trust ?? self.trust(), peer: peer, identities: identity.map { [$0] } ?? [], protocols: protocols))
  }
}

/// A client and a server in memory, joined back to back.
struct Pair: ~Copyable {
  var client: TLSSession
  var server: TLSSession
  /// What each has written and the other has not had yet.
  var fromClient = ByteBuffer()
  var fromServer = ByteBuffer()
  /// What each application has got.
  var atClient = ByteBuffer()
  var atServer = ByteBuffer()
  var clientError: TLSError?
  var serverError: TLSError?

  init(_ client: TLSContext, _ server: TLSContext, name: String? = "server.test") {
    self.client = TLSSession(client, serverName: name)
    self.server = TLSSession(server)
  }

  mutating func start() throws(TLSError) { try client.start(output: &fromClient) }

  /// Moves bytes until none is left; both sides' errors are kept.
  /// - Parameter most: bytes per turn and side.
  mutating func pump(most: Int = .max) {
    while !fromClient.isEmpty || !fromServer.isEmpty {
      step(most: most)
    }
  }

  mutating func step(most: Int = .max) {
    let toServer = take(&fromClient, most)
    do { try server.receive(toServer.span, plaintext: &atServer, output: &fromServer) } catch { serverError = error }
    let toClient = take(&fromServer, most)
    do { try client.receive(toClient.span, plaintext: &atClient, output: &fromClient) } catch { clientError = error }
  }

  /// A whole handshake.
  mutating func connect(most: Int = .max) throws(TLSError) {
    try start()
    pump(most: most)
    if let clientError { throw clientError }
    if let serverError { throw serverError }
  }
}

func take(_ buffer: inout ByteBuffer, _ most: Int = .max) -> [UInt8] {
  let count = min(most, buffer.count)
  let bytes = (0..<count).map { buffer.span[$0] }
  buffer.removeFirst(count)
  return bytes
}
