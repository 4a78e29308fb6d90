import Foundation

/// Files that hold private keys: the store and its copies.
enum PrivateFile {
  /// Makes an empty file that only its owner may read and write, or takes these rights from others on the one that is there. SQLite
  /// gives the files beside it (write-ahead log, shared memory) the same.
  static func make(_ path: String) throws {
    let rights: [FileAttributeKey: Any] = [.posixPermissions: 0o600]
    if FileManager.default.fileExists(atPath: path) {
      try FileManager.default.setAttributes(rights, ofItemAtPath: path)
    } else if !FileManager.default.createFile(atPath: path, contents: nil, attributes: rights) {
      throw StoreFault(description: "cannot make \(path)")
    }
  }
}
