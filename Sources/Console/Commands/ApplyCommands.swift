import ArgumentParser
import Foundation
import JSONFormat

struct ApplyCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Stores everything that the files say as one revision, or nothing of it.",
    discussion: """
      A file holds YAML or JSON documents. Each is a resource with `kind` and `name` beside its own fields, or
      `{changes: […]}` as the API takes it. `op: delete` removes a resource.

      EXAMPLES
        heddle apply -f mesh/ --wait --reason 'release 31'
        heddle diff -f mesh/users.yaml
      """)
  @Option(
    name: [.customShort("f"), .long], help: "File, folder (its .yaml, .yml and .json files) or - for standard input.")
  var file: [String]
  @OptionGroup var write: WriteOptions
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    let body = try ChangeFiles.body(file, session: session)
    let count = body["changes"]?.items?.count ?? 0
    try session.change("POST", session.path("changes"), body: body, options: write) { _ in
      "applied \(count) \(count == 1 ? "resource" : "resources")"
    }
  }
}

struct DiffCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Shows what apply would change; stores nothing.",
    discussion: "EXAMPLE\n  heddle diff -f mesh/ --exit-code && echo same")
  @Option(name: [.customShort("f"), .long], help: "File, folder or - for standard input.") var file: [String]
  @Flag(help: "Exit 1 when there are differences.") var exitCode = false
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    let body = try ChangeFiles.body(file, session: session)
    let call = APICall(
      "POST", session.path("changes") + "?dry_run=true", headers: [.init("content-type", "application/json")],
      body: body.printed)
    let answer = try session.document(try session.accepted(call))
    let diff = answer["diff"] ?? .array([])
    try session.show(answer) { DiffText.lines(diff, on: session.terminal).joined(separator: "\n") + "\n" }
    let isSame = (diff.items ?? []).isEmpty && (diff.text ?? "").isEmpty
    if exitCode, !isSame { throw .failed("there are differences") }
  }
}

/// Files of resources → the one body of `POST …/changes`.
enum ChangeFiles {
  static func body(_ files: [String], session: Session) throws(ConsoleError) -> JSON {
    var changes: [JSON] = []
    for file in files {
      for path in try expanded(file) {
        for document in try JSON.documents(yaml: try session.read(path), file: path) {
          changes += try self.changes(of: document, file: path)
        }
      }
    }
    guard !changes.isEmpty else { throw .usage("the files hold no resource") }
    return ["changes": .array(changes)]
  }

  /// A folder's files in the order of their names, so that the same folder is always the same change.
  private static func expanded(_ file: String) throws(ConsoleError) -> [String] {
    guard file != "-", isFolder(file) else { return [file] }
    do {
      let names = try FileManager.default.contentsOfDirectory(atPath: file)
      return names.filter { name in [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) } }.sorted().map {
        file + "/" + $0
      }
    } catch {
      throw .usage("cannot read \(file): \(error.localizedDescription)")
    }
  }

  /// What cannot be looked at is no folder here; reading it says why.
  private static func isFolder(_ file: String) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    return attributes?[.type] as? FileAttributeType == .typeDirectory
  }

  static func changes(of document: JSON, file: String) throws(ConsoleError) -> [JSON] {
    if let changes = document["changes"] { return changes.items ?? [] }
    guard let kind = document["kind"]?.text else { throw .usage("\(file): a document without `kind`") }
    guard let name = document["name"]?.text else { throw .usage("\(file): a \(kind) without `name`") }
    let isDelete = document["op"]?.text == "delete"
    let head: [JSON.Member] = [
      .init("op", .string(isDelete ? "delete" : "put")), .init("kind", .string(kind)), .init("name", .string(name)),
    ]
    if isDelete { return [.object(head)] }
    let fields = (document.members ?? []).filter { !["op", "kind", "name"].contains($0.name) }
    return [.object(head + [.init("value", .object(fields))])]
  }
}
