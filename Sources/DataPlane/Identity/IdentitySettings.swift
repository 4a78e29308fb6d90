import MeshProtocol
import Settings
import SystemIO

/// Where a proxy has its identity from, as configured.
struct IdentitySettings: Sendable {
  enum TokenSource: Sendable {
    case none
    case text(JoinToken)
    /// Read for each attempt to join: whoever deploys may replace it.
    case file(String)
  }

  var token = TokenSource.none
  var folder: IdentityFolder
  /// Somebody asked for an identity; if not, one that is on disk is used all the same.
  var isWanted = false

  private static let longestTokenFile = 4096

  /// Nil when there is nowhere to keep an identity, or no mesh. What is wrong is noted in `problems`.
  static func read(_ values: SettingsValues, _ problems: ProblemList) -> IdentitySettings? {
    func note(_ path: String, _ message: String, hint: String = "") {
      problems.add(Problem(path: path, message: message, origin: values.origin(path), hint: hint))
    }
    let (text, file) = (values.text("identity.join_token"), values.text("identity.join_token_file"))
    let given = text != nil ? "identity.join_token" : file != nil ? "identity.join_token_file" : "identity.path"
    let isWanted = text != nil || file != nil || values.text("identity.path") != nil
    if isWanted, values.texts("mesh").isEmpty {
      note(given, "there is no mesh to join", hint: "set mesh, or leave this out")
    }
    guard let path = values.text("identity.path") ?? values.text("state.path").map({ $0 + ".identity" }) else {
      if isWanted {
        note(given, "there is no place for the key and the certificate", hint: "set identity.path or state.path")
      }
      return nil
    }
    if path.isEmpty { note("identity.path", "expected the path of a folder") }
    var settings = IdentitySettings(folder: IdentityFolder(path: path), isWanted: isWanted)
    switch (text, file) {
    case (nil, nil): break
    case (_?, _?): note("identity.join_token", "there is identity.join_token_file too", hint: "give one of them")
    case (nil, let file?): settings.token = .file(file)
    case (let text?, nil):
      do throws(JoinToken.Fault) { settings.token = .text(try JoinToken(parsing: text)) } catch {
        note("identity.join_token", error.description)
      }
    }
    return values.texts("mesh").isEmpty ? nil : settings
  }

  /// The token now; nil when none is configured. Blocks for the disk.
  /// - Throws: why there is none to be had.
  func readToken() throws(IdentityFolderError) -> JoinToken? {
    switch token {
    case .none: return nil
    case .text(let token): return token
    case .file(let path):
      do {
        return try JoinToken(parsing: String(decoding: try readFile(path, limit: Self.longestTokenFile), as: UTF8.self))
      } catch { throw IdentityFolderError(description: "\(path): \(error)") }
    }
  }

  /// Opens the folder; nil when nobody asked for an identity and none is there. Blocks for the disk.
  func open(namespace: String) throws(IdentityFolderError) -> KeptIdentity? {
    try folder.open(namespace: namespace, makesKey: isWanted).map { KeptIdentity(settings: self, contents: $0) }
  }

  var hasToken: Bool {
    if case .none = token { false } else { true }
  }
}

/// What the proxy starts with.
struct KeptIdentity: Sendable {
  let settings: IdentitySettings
  let contents: IdentityFolder.Contents
}
