import MeshProtocol
import Settings
import SystemIO
import TLS

/// Where a proxy has its identity from, as configured.
struct IdentitySettings: Sendable {
  enum ProofSource: Sendable {
    case none
    case token(JoinToken)
    /// Read for each attempt to join: whoever deploys may replace it.
    case tokenFile(String)
    /// Files with a service account's token, which rotates, and with roots.
    case kubernetes(token: String, roots: String)
  }

  var proof = ProofSource.none
  var folder: IdentityFolder
  /// Somebody asked for an identity; if not, one that is on disk is used all the same.
  var isWanted = false

  private static let longestTokenFile = 4096
  /// Bytes of a service account's token, which controllers take.
  private static let longestKubernetesToken = 16 << 10
  private static let longestRootsFile = 1 << 20

  /// The keys that name a proof: one of them at most.
  private static let proofs = ["identity.join_token", "identity.join_token_file", "identity.kubernetes_token_file"]

  /// Nil when there is nowhere to keep an identity, or no mesh. What is wrong is noted in `problems`.
  static func read(_ values: SettingsValues, _ problems: ProblemList) -> IdentitySettings? {
    func note(_ path: String, _ message: String, hint: String = "") {
      problems.add(Problem(path: path, message: message, origin: values.origin(path), hint: hint))
    }
    let given = proofs.filter { values.text($0) != nil }
    let first = given.first ?? (values.text("identity.path") == nil ? nil : "identity.path")
    if let first, values.texts("mesh").isEmpty {
      note(first, "there is no mesh to join", hint: "set mesh, or leave this out")
    }
    if given.count > 1 { note(given[0], "there is \(given[1]) too", hint: "give one of them") }
    let proof = proof(values) { note($0, $1, hint: $2) }
    guard let path = values.text("identity.path") ?? values.text("state.path").map({ $0 + ".identity" }) else {
      if let first {
        note(first, "there is no place for the key and the certificate", hint: "set identity.path or state.path")
      }
      return nil
    }
    if path.isEmpty { note("identity.path", "expected the path of a folder") }
    guard !values.texts("mesh").isEmpty else { return nil }
    return IdentitySettings(proof: proof, folder: IdentityFolder(path: path), isWanted: first != nil)
  }

  private static func proof(_ values: SettingsValues, _ note: (String, String, String) -> Void) -> ProofSource {
    let roots = values.text("identity.roots")
    let token = values.text("identity.kubernetes_token_file")
    if roots != nil, token == nil {
      note("identity.roots", "there is no identity.kubernetes_token_file to use it with", "")
    }
    if let token {
      guard let roots else {
        note(
          "identity.kubernetes_token_file", "nothing tells the controller from others",
          "set identity.roots to a file with the mesh's roots")
        return .none
      }
      return .kubernetes(token: token, roots: roots)
    }
    if let file = values.text("identity.join_token_file") { return .tokenFile(file) }
    guard let text = values.text("identity.join_token") else { return .none }
    do throws(JoinToken.Fault) { return .token(try JoinToken(parsing: text)) } catch {
      note("identity.join_token", error.description, "")
      return .none
    }
  }

  /// What to join with now; nil when nothing is configured. Blocks for the disk.
  /// - Throws: why there is none to be had; the text has nothing of a token.
  func readProof() throws(IdentityFolderError) -> JoinProof? {
    switch proof {
    case .none: return nil
    case .token(let token): return .token(token)
    case .tokenFile(let path):
      do {
        let bytes = try readFile(path, limit: Self.longestTokenFile)
        return .token(try JoinToken(parsing: String(decoding: bytes, as: UTF8.self)))
      } catch { throw IdentityFolderError(description: "\(path): \(error)") }
    case .kubernetes(let token, let roots):
      let text = try Self.kubernetesToken(token)
      do {
        return .kubernetes(
          token: text, roots: try Certificate.all(pem: try readFile(roots, limit: Self.longestRootsFile)))
      } catch { throw IdentityFolderError(description: "\(roots): \(error)") }
    }
  }

  private static func kubernetesToken(_ path: String) throws(IdentityFolderError) -> String {
    let bytes: [UInt8]
    do { bytes = try readFile(path, limit: longestKubernetesToken) } catch {
      throw IdentityFolderError(description: "\(path): \(error)")
    }
    let isBlank: (UInt8) -> Bool = { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let token = Array(bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    guard !token.isEmpty, token.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw IdentityFolderError(description: "\(path): it is no service-account token")
    }
    return String(decoding: token, as: UTF8.self)
  }

  /// Opens the folder; nil when nobody asked for an identity and none is there. Blocks for the disk.
  func open(namespace: String) throws(IdentityFolderError) -> KeptIdentity? {
    try folder.open(namespace: namespace, makesKey: isWanted).map { KeptIdentity(settings: self, contents: $0) }
  }

  var hasProof: Bool {
    if case .none = proof { false } else { true }
  }
}

/// What the proxy starts with.
struct KeptIdentity: Sendable {
  let settings: IdentitySettings
  let contents: IdentityFolder.Contents
}
