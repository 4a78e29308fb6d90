import MeshProtocol
import Settings
import SystemIO
import TLS

/// How connections to some services are secured: files, as the configuration names them.
///
/// ```yaml
/// clients:
///   - prefix: /#/registry/payments            # of concrete names; the longest that fits wins, * stands for any segment
///     tls:
///       server_name: pay.example              # asked for (SNI), and what the service's certificate must be for
///       ca: /etc/heddle/authorities.pem       # whose signatures count; else those of the system
///       certificate: {chain: client.crt, key: client.key}   # presented when the service asks
///       verify: false                         # takes any certificate; without server_name this is needed
/// ```
struct ServiceSecurity: Hashable, SecuritySource {
  /// Where these keys stand: `clients[0].tls`.
  let path: String
  let prefix: Prefix
  private(set) var serverName: String?
  private var authorities: String?
  private var chain: String?
  private var key: String?
  private(set) var verifies = true
  private var minimumVersion = TLSVersion.v12

  /// More entries than anyone writes by hand; each new concrete name is compared with all.
  static let most = 256

  private init(path: String, prefix: Prefix) {
    (self.path, self.prefix) = (path, prefix)
  }

  /// The list of `clients`; what is wrong is noted in `problems`.
  static func all(_ node: Node?, _ problems: ProblemList) -> [ServiceSecurity] {
    guard let node else { return [] }
    guard case .list(let items) = node.content, items.count <= most else {
      problems.add(
        Problem(
          path: "clients", message: "expected a list of at most \(most) entries, found \(node.kindName)",
          origin: .file(node.mark), hint: "- {prefix: /#/registry/payments, tls: {server_name: pay.example}}"))
      return []
    }
    return items.enumerated().compactMap { read($1, path: "clients[\($0)]", problems) }
  }

  private static func read(_ node: Node, path: String, _ problems: ProblemList) -> ServiceSecurity? {
    let reader = Reader(node, path: path, problems: problems)
    let (text, tls) = (reader.text("prefix"), reader.node("tls"))
    reader.finish()
    guard let text else {
      reader.fault("prefix", "missing: the concrete names that this is for, such as /#/registry/payments")
      return nil
    }
    let prefix: Prefix
    do throws(NamingError) { prefix = try Prefix(parsing: text) } catch {
      reader.fault("prefix", error.message)
      return nil
    }
    guard let tls else {
      reader.fault("tls", "missing: {server_name: pay.example}, or {verify: false}")
      return nil
    }
    var security = ServiceSecurity(path: "\(path).tls", prefix: prefix)
    security.read(Reader(tls, path: "\(path).tls", problems: problems))
    return security
  }

  private mutating func read(_ reader: Reader) {
    serverName = reader.text("server_name")
    authorities = reader.text("ca")
    verifies = reader.boolean("verify") ?? true
    for certificate in reader.readers("certificate").prefix(1) {
      (chain, key) = (certificate.text("chain"), certificate.text("key"))
      certificate.finish()
      if chain == nil { certificate.fault("chain", "missing: a file with the certificate and those that sign it") }
      if key == nil { certificate.fault("key", "missing: a file with the private key") }
    }
    switch reader.text("minimum_version") {
    case nil, "1.2": break
    case "1.3": minimumVersion = .v13
    case let other?: reader.fault("minimum_version", "expected 1.2 or 1.3, found \"\(other.prefix(20))\"")
    }
    reader.finish()
    if verifies, serverName == nil {
      reader.fault(
        "server_name", "missing: whom the service's certificate must be for",
        hint: "verify: false encrypts without knowing to whom")
    }
  }

  /// The entry for a concrete name: the longest prefix that fits, of equal ones the later; nil for names in clear.
  static func find(_ name: Path, in all: [Prefix]) -> Int? {
    all.indices.filter { all[$0].matches(name) }.max {
      all[$0].count < all[$1].count || (all[$0].count == all[$1].count && $0 < $1)
    }
  }

  /// What the files hold now.
  /// - Throws: which file cannot be used, and why.
  func load() throws(ListenerSecurityFault) -> ListenerSecurity.Material {
    try ListenerSecurity.Material(files: [authorities, chain, key].compactMap { $0 })
  }

  /// Makes what sessions are begun with.
  func context(of material: ListenerSecurity.Material) throws(ListenerSecurityFault) -> TLSContext {
    var settings = TLSSettings(peer: verifies ? .required : .none, protocols: [], minimumVersion: minimumVersion)
    var files = material.files[...]
    if authorities != nil { settings.trust = .certificates(pem: files.removeFirst()) }
    do {
      if files.count == 2 {
        settings.identities = [try TLSIdentity(chain: files.removeFirst(), key: files.removeFirst())]
      }
      return try TLSContext(.client, settings)
    } catch { throw ListenerSecurityFault(description: "\(path): \(error)") }
  }
}
