import MeshProtocol
import Settings
import SystemIO
import TLS

/// Files that a TLS context is made of.
protocol SecuritySource: Sendable {
  /// The keys that name them: `outbound.tls`.
  var path: String { get }
  /// What the files hold now.
  /// - Throws: which file cannot be used, and why.
  func load() throws(ListenerSecurityFault) -> ListenerSecurity.Material
  /// Makes what sessions are begun with.
  func context(of material: ListenerSecurity.Material) throws(ListenerSecurityFault) -> TLSContext
}

/// How a listener secures its callers' connections: files, as the configuration names them.
///
/// ```yaml
/// outbound:
///   tls:
///     certificates:                          # the first is for callers that ask for no name, or for another
///       - {chain: /etc/heddle/tls.crt, key: /etc/heddle/tls.key}
///     client_ca: /etc/heddle/callers.pem     # whose certificates callers may present
///     client: required                       # or optional
///     minimum_version: "1.3"                 # else 1.2
/// ```
struct ListenerSecurity: SecuritySource {
  struct Certificate: Hashable, Sendable {
    /// PEM, the certificate itself first.
    let chain: String
    let key: String
  }

  /// Where these keys stand: `outbound.tls`.
  let path: String
  private(set) var certificates: [Certificate] = []
  private(set) var clientAuthorities: String?
  private(set) var client = TLSPeerCheck.none
  private(set) var minimumVersion = TLSVersion.v12
  /// Application protocols, most wanted first.
  private(set) var protocols: [String] = []
  /// Outlive a change of certificates; rotated by the control side.
  let tickets = TicketKeys()

  /// What one file may have: far more than any chain.
  static let longestFile = 1 << 20

  /// Nil without the key. What is wrong is noted in `problems`.
  static func read(
    _ node: Node?, path: String, _ listener: ListenerProtocol, _ problems: ProblemList
  ) -> ListenerSecurity? {
    guard let node else { return nil }
    var security = ListenerSecurity(path: path)
    let reader = Reader(node, path: path, problems: problems)
    for one in reader.readers("certificates") {
      let (chain, key) = (one.text("chain"), one.text("key"))
      one.finish()
      if chain == nil { one.fault("chain", "missing: a file with the certificate and those that sign it") }
      if key == nil { one.fault("key", "missing: a file with the private key") }
      if let chain, let key { security.certificates.append(Certificate(chain: chain, key: key)) }
    }
    if security.certificates.isEmpty { reader.fault("certificates", "missing: a listener needs one at least") }
    security.readClient(reader)
    switch reader.text("minimum_version") {
    case nil, "1.2": break
    case "1.3": security.minimumVersion = .v13
    case let other?: reader.fault("minimum_version", "expected 1.2 or 1.3, found \"\(other.prefix(20))\"")
    }
    reader.finish()
    security.protocols =
      switch listener {
      case .auto: ["h2", "http/1.1"]
      case .http1: ["http/1.1"]
      case .http2: ["h2"]
      case .tcp, .tls, .thrift, .mux, .thriftMux: []
      }
    return security
  }

  private mutating func readClient(_ reader: Reader) {
    clientAuthorities = reader.text("client_ca")
    switch reader.text("client") {
    case nil: client = clientAuthorities == nil ? .none : .required
    case "required": client = .required
    case "optional": client = .optional
    case let other?: reader.fault("client", "expected required or optional, found \"\(other.prefix(20))\"")
    }
    if client != .none, clientAuthorities == nil {
      reader.fault("client_ca", "missing: without it no caller's certificate could be accepted")
    }
  }

  /// What the files hold now.
  /// - Throws: which file cannot be used, and why.
  func load() throws(ListenerSecurityFault) -> Material {
    try Material(
      files: certificates.flatMap { [$0.chain, $0.key] } + (clientAuthorities.map { [$0] } ?? []))
  }

  /// Makes what sessions are begun with.
  func context(of material: Material) throws(ListenerSecurityFault) -> TLSContext {
    var identities: [TLSIdentity] = []
    for (index, certificate) in certificates.enumerated() {
      do {
        identities.append(try TLSIdentity(chain: material.files[2 * index], key: material.files[2 * index + 1]))
      } catch { throw ListenerSecurityFault(description: "\(certificate.chain): \(error)") }
    }
    let trust = clientAuthorities == nil ? TLSTrust.system : .certificates(pem: material.files.last ?? [])
    var settings = TLSSettings(
      trust: trust, peer: client, identities: identities, protocols: protocols, minimumVersion: minimumVersion)
    settings.ticketKeys = tickets
    do { return try TLSContext(.server, settings) } catch {
      throw ListenerSecurityFault(description: "\(path): \(error)")
    }
  }

  /// The bytes of the files. There are keys among them: kept only until a context is made.
  struct Material: Sendable {
    private(set) var files: [[UInt8]] = []

    /// Reads the files of these paths.
    init(files paths: [String]) throws(ListenerSecurityFault) {
      for path in paths {
        do { files.append(try readFile(path, limit: longestFile)) } catch {
          throw ListenerSecurityFault(description: "\(path): \(error)")
        }
      }
    }

    /// What tells whether the files were replaced.
    var fingerprint: [SetHash] { files.map { SetHash(of: $0) } }
  }
}

/// Which file cannot be used, and why.
struct ListenerSecurityFault: Error, CustomStringConvertible {
  let description: String
}
