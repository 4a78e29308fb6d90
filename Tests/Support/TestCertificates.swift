import Foundation

/// Certificates for one run of the tests, made by the `openssl` command: nothing that expires lies in the repository.
public struct TestAuthority: Sendable {
  /// PEM.
  public let certificate: [UInt8]
  private let folder: String

  public struct Leaf: Sendable {
    /// PEM, the leaf alone.
    public let certificate: [UInt8]
    /// PEM, unencrypted.
    public let key: [UInt8]
  }

  public init(_ name: String = "Test CA") throws {
    folder = NSTemporaryDirectory() + "heddle-authority-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Self.openssl(
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"]
        + ["-subj", "/CN=\(name)", "-days", "2"], in: folder)
    certificate = try Self.read(folder + "/ca.pem")
  }

  /// A leaf that this authority signs.
  /// - Parameters:
  ///   - names: as openssl writes them: `DNS:users`, `IP:127.0.0.1`, `URI:spiffe://mesh/users`.
  ///   - days: until it expires; negative: it has.
  ///   - usage: what it may be used for besides being shown: `serverAuth`, `clientAuth`; empty: anything.
  public func leaf(_ name: String, names: [String], days: Int = 1, usage: String = "", isRSA: Bool = false) throws -> Leaf {
    let id = UUID().uuidString
    let kind = isRSA ? ["-newkey", "rsa:2048"] : ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    var extensions: [String] = []
    if !names.isEmpty { extensions += ["-addext", "subjectAltName=" + names.joined(separator: ",")] }
    if !usage.isEmpty { extensions += ["-addext", "extendedKeyUsage=" + usage] }
    try Self.openssl(
      ["req", "-new"] + kind + ["-nodes", "-keyout", id + ".key", "-out", id + ".csr", "-subj", "/CN=\(name)"] + extensions,
      in: folder)
    try Self.openssl(
      ["x509", "-req", "-in", id + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", String(days), "-out", id + ".pem"]
        + ["-copy_extensions", "copy"], in: folder)
    return Leaf(certificate: try Self.read("\(folder)/\(id).pem"), key: try Self.read("\(folder)/\(id).key"))
  }

  /// Signed by itself.
  public static func selfSigned(_ name: String) throws -> Leaf {
    let authority = try TestAuthority(name)
    return Leaf(certificate: authority.certificate, key: try read(authority.folder + "/ca.key"))
  }

  /// A leaf below `count` authorities of which each signed the next, the root aside.
  public static func chain(of count: Int, uri: String) throws -> (root: [UInt8], leaf: Leaf) {
    let first = try TestAuthority("root")
    var (issuer, between) = ("ca", [UInt8]())
    for index in 0..<count {
      try first.sign("a\(index)", by: issuer, "basicConstraints=critical,CA:TRUE")
      between = try read("\(first.folder)/a\(index).pem") + between
      issuer = "a\(index)"
    }
    try first.sign("leaf", by: issuer, "subjectAltName=URI:\(uri)")
    let leaf = Leaf(
      certificate: try read(first.folder + "/leaf.pem") + between, key: try read(first.folder + "/leaf.key"))
    first.remove()
    return (first.certificate, leaf)
  }

  private func sign(_ name: String, by issuer: String, _ field: String) throws {
    try Self.openssl(
      ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"]
        + ["-out", name + ".csr", "-subj", "/CN=\(name)", "-addext", field], in: folder)
    try Self.openssl(
      ["x509", "-req", "-in", name + ".csr", "-CA", issuer + ".pem", "-CAkey", issuer + ".key", "-days", "1"]
        + ["-out", name + ".pem", "-copy_extensions", "copy"], in: folder)
  }

  /// The key with a password on it.
  public func encrypted(_ leaf: Leaf) throws -> [UInt8] {
    let id = UUID().uuidString
    try Data(leaf.key).write(to: URL(fileURLWithPath: "\(folder)/\(id)"))
    try Self.openssl(["pkey", "-in", id, "-aes256", "-passout", "pass:secret", "-out", id + ".enc"], in: folder)
    return try Self.read("\(folder)/\(id).enc")
  }

  /// Removes what was written; the PEM texts stay usable.
  public func remove() { try? FileManager.default.removeItem(atPath: folder) }

  private static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

  private struct Failure: Error, CustomStringConvertible { let description: String }

  private static func openssl(_ arguments: [String], in folder: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw Failure(description: "openssl: " + String(decoding: text, as: UTF8.self)) }
  }
}
