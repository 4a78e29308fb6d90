import SystemIO
import TLS

/// Where an operator keeps the authority that signs.
struct OperatorFiles: Hashable, Sendable {
  /// Paths of PEM files.
  var certificate: String
  var key: String
  /// Nil: the last of the chain is what proxies trust.
  var bundle: String?

  /// Bytes of a file. Why: a wrong path must not fill the memory. Above it: of no use.
  private static let longestFile = 1 << 20

  /// Reads and checks them. Blocks for the disk.
  /// - Throws: what the operator has to repair.
  func read() throws(OperatorFilesError) -> OperatorAuthority {
    let (chain, key) = (try read(certificate), try read(key))
    let roots = try bundle.map { path throws(OperatorFilesError) in try read(path) }
    do throws(TLSSetupError) { return try OperatorAuthority(certificate: chain, key: key, bundle: roots) } catch {
      throw OperatorFilesError(path: certificate, description: "\(error)")
    }
  }

  private func read(_ path: String) throws(OperatorFilesError) -> [UInt8] {
    do throws(SystemError) { return try readFile(path, limit: Self.longestFile) } catch {
      throw OperatorFilesError(path: path, description: "\(path): \(error)")
    }
  }
}

/// Why an operator's files cannot be used.
struct OperatorFilesError: Error, CustomStringConvertible {
  let path: String
  let description: String
}
