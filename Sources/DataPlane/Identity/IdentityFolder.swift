import MeshProtocol
import SystemIO
import TLS

/// What of an identity is kept on disk: the proxy's key, its certificate with the chain, and the mesh's roots, each a PEM file
/// that only its owner reads. Blocks for the disk: for the thread for that.
struct IdentityFolder: Sendable {
  /// A file beyond this is not read: more than any chain or bundle.
  private static let sizeLimit = 1 << 20
  /// Stands in the text before the first root, where readers of PEM pass it over.
  private static let graceWord = "outage_grace_s: "

  let path: String

  private var keyFile: String { path + "/key.pem" }
  private var leafFile: String { path + "/leaf.pem" }
  private var bundleFile: String { path + "/bundle.pem" }

  /// What was found.
  struct Contents: Sendable {
    let key: PrivateKey
    var trust: MeshTrust?
    var issued: IssuedIdentity?
    /// What was of no use, for the log; the certificate is then asked for anew.
    var faults: [String] = []
  }

  /// Reads everything. Without a key one is made and written, or nil comes back when `makesKey` is false.
  /// - Throws: what the operator has to repair: a folder or key that cannot be read or written. A key is never replaced.
  func open(namespace: String, makesKey: Bool) throws(IdentityFolderError) -> Contents? {
    let kept = try readKey()
    if kept == nil, !makesKey { return nil }
    let key: PrivateKey
    if let kept { key = kept } else { key = try makeKey() }
    var contents = Contents(key: key)
    do {
      guard let bundle = try read(bundleFile), let leaf = try read(leafFile) else { return contents }
      let trust = MeshTrust(roots: try Certificate.all(pem: bundle), outageGrace: Self.grace(in: bundle))
      contents.trust = trust
      contents.issued = try IssuedIdentity(
        chain: try Certificate.all(pem: leaf), key: key, trust: trust, namespace: namespace)
    } catch {
      contents.faults.append("\(path): \(error)")
    }
    return contents
  }

  /// Writes what was issued; the roots first, since an old certificate with newer roots is of more use than the reverse.
  func save(_ issued: IssuedIdentity, _ trust: MeshTrust) throws(SystemError) {
    let bundle = Array("\(Self.graceWord)\(trust.outageGrace)\n".utf8) + Certificate.pem(trust.roots)
    try writeAtomically(bundleFile, bundle, mode: 0o600)
    try writeAtomically(leafFile, Certificate.pem(issued.chain), mode: 0o600)
  }

  private func readKey() throws(IdentityFolderError) -> PrivateKey? {
    do {
      guard let text = try read(keyFile) else { return nil }
      return try PrivateKey(pem: text)
    } catch { throw IdentityFolderError(description: "\(keyFile): \(error)") }
  }

  private func makeKey() throws(IdentityFolderError) -> PrivateKey {
    let key = PrivateKey()
    do {
      try makeDirectories(path, mode: 0o700)
      try writeAtomically(keyFile, key.pem, mode: 0o600)
    } catch { throw IdentityFolderError(description: "\(keyFile): \(error)") }
    return key
  }

  /// Nil when there is no such file.
  private func read(_ file: String) throws(SystemError) -> [UInt8]? {
    do { return try readFile(file, limit: Self.sizeLimit) } catch {
      if error.isMissing { return nil }
      throw error
    }
  }

  private static func grace(in bundle: [UInt8]) -> Int64 {
    let text = String(decoding: bundle, as: UTF8.self)
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(graceWord) }) else { return 0 }
    return Int64(line.dropFirst(graceWord.count)).map { max(0, $0) } ?? 0
  }
}

/// Why the folder cannot be used at all.
struct IdentityFolderError: Error, CustomStringConvertible {
  let description: String
}
