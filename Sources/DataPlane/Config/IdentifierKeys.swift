import MeshProtocol
import Settings
import Traffic

/// Reads `outbound.identifiers`:
///
/// ```yaml
/// outbound:
///   identifiers:
///     - kind: routes
///     - {kind: header, header: x-service}   # header: Host unless given
///     - {kind: path, segments: 1, consume: true, prefix: /svc}
/// ```
///
/// Linkerd's names for the kinds are understood as well.
struct IdentifierKeys {
  /// More than anyone tries in turn; each costs every request that none before it could name.
  static let most = 16

  private let problems: ProblemList

  /// The list that the file has.
  static func read(_ node: Node, path: String, _ problems: ProblemList) -> [Identifier] {
    guard case .list(let items) = node.content, (1...most).contains(items.count) else {
      problems.add(
        Problem(
          path: path, message: "expected a list of 1 to \(most) identifiers, found \(node.kindName)",
          origin: .file(node.mark), hint: "- kind: routes"))
      return Identifier.standard
    }
    let keys = IdentifierKeys(problems: problems)
    return items.enumerated().compactMap { keys.identifier($1, path: "\(path)[\($0)]") }
  }

  private func identifier(_ node: Node, path: String) -> Identifier? {
    let reader = Reader(node, path: path, problems: problems)
    let prefix = name(reader, "prefix") ?? Path(labels: ["svc"])!
    let (name, host) = (reader.text("kind"), host(reader))
    guard let kind = kind(reader, name) else { return nil }
    reader.finish()
    return Identifier(kind, prefix: prefix, host: host)
  }

  private func kind(_ reader: Reader, _ name: String?) -> Identifier.Kind? {
    switch name {
    case "routes": return .routes
    case "header", "io.l5d.header.token": return .header(header(reader) ?? "host")
    case "method_and_host", "io.l5d.methodAndHost":
      return .methodAndHost(
        withVersion: reader.boolean("version") ?? true,
        withPath: reader.boolean("path") ?? reader.boolean("httpUriInDst") ?? false)
    case "path", "io.l5d.path":
      return .path(segments: reader.integer("segments", in: 1...64) ?? 1, consumes: reader.boolean("consume") ?? false)
    case "header_path", "io.l5d.header":
      return .headerPath(header(reader) ?? "l5d-name", segments: reader.integer("segments", in: 1...64))
    case "static", "io.l5d.static":
      guard let path = self.name(reader, "path") else {
        if reader.node("path") == nil { reader.fault("path", "missing") }
        return nil
      }
      return .fixed(path)
    default:
      reader.fault(
        "kind", name.map { "unknown identifier \($0)" } ?? "missing",
        hint: "one of routes, header, method_and_host, path, header_path, static")
      return nil
    }
  }

  private func host(_ reader: Reader) -> HostOptions {
    HostOptions(keepPort: reader.boolean("keep_port") ?? false, keepCase: reader.boolean("keep_case") ?? false)
  }

  private func header(_ reader: Reader) -> String? {
    guard let name = reader.text("header")?.lowercased() else { return nil }
    let isToken =
      !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"()<>@,;:\\\"/[]?={}".utf8.contains($0) }
    if !isToken { reader.fault("header", "expected the name of a header") }
    return isToken ? name : nil
  }

  private func name(_ reader: Reader, _ key: String) -> Path? {
    guard let text = reader.text(key) else { return nil }
    do { return try Path(parsing: text) } catch {
      reader.fault(key, error.message)
      return nil
    }
  }
}
