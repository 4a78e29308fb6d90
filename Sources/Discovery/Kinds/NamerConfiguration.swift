import MeshProtocol
import Settings

/// The namers of one program, read and checked.
///
/// ```yaml
/// namers:
///   - kind: io.l5d.fs
///     prefix: /io.l5d.fs      # the default: / and the kind
///     grace: 1s               # how long an empty or negative answer must stand; each kind has its default
///     rootDir: /etc/heddle/names   # and the kind's own keys
/// ```
public struct NamerConfiguration: Sendable, Equatable {
  /// One namer.
  struct Entry: Sendable, Equatable {
    /// Whole: `/#/io.l5d.fs`, `/$/inet`.
    let prefix: Path
    let grace: Duration
    let settings: any NamerSettings

    static func == (a: Entry, b: Entry) -> Bool {
      a.prefix == b.prefix && a.grace == b.grace && a.settings.isEqual(to: b.settings)
    }
  }

  /// Namers of one program. Why: each may hold connections of its own. At the limit: refused, with its place.
  static let limit = 100
  /// Longest grace. Why: a name that ended must end some day.
  static let longestGrace = Duration.seconds(86_400)

  private(set) var entries: [Entry] = []

  /// Whole, as names begin: `/#/io.l5d.fs`, `/$/inet`.
  public var prefixes: [Path] { entries.map(\.prefix) }

  /// The namers that are there without any configuration.
  public init() { addStandard() }

  /// Reads the list under the key `namers`; what is wrong is noted in `problems`.
  public init(_ node: Node?, kinds: [any NamerSettings.Type] = NamerKinds.all, problems: ProblemList) {
    self.init(Self.entries(node, problems: problems), kinds: kinds)
  }

  /// Reads entries, those that the program does not read itself. A reader may have been asked for `kind` before.
  public init(_ entries: [Reader], kinds: [any NamerSettings.Type]) {
    for entry in entries { add(entry, kinds) }
    addStandard()
  }

  /// The entries of the list under the key `namers`, each to be read; what is wrong is noted in `problems`.
  public static func entries(_ node: Node?, problems: ProblemList) -> [Reader] {
    guard let node, !node.isNull else { return [] }
    guard case .list(let items) = node.content else {
      problems.add(
        Problem(path: "namers", message: "expected a list, found \(node.kindName)", origin: .file(node.mark)))
      return []
    }
    if items.count > limit {
      problems.add(
        Problem(path: "namers", message: "more than \(limit) namers", origin: .file(items[limit].mark)))
    }
    return items.prefix(limit).enumerated().map { Reader($1, path: "namers[\($0)]", problems: problems) }
  }

  private mutating func add(_ reader: Reader, _ kinds: [any NamerSettings.Type]) {
    let names = kinds.map { $0.kind }
    guard let name = reader.text("kind") else { return reader.fault("kind", "missing", hint: Self.list(names)) }
    guard let kind = kinds.first(where: { $0.kind == name }) else {
      let near = nearest(to: name, in: names).map { "did you mean \($0)?" }
      return reader.fault("kind", "unknown namer \(name)", hint: near ?? Self.list(names))
    }
    let prefixes = kind.prefixes ?? prefix(reader, kind).map { [$0] } ?? []
    let grace = reader.duration("grace") ?? kind.grace
    if grace > Self.longestGrace { reader.fault("grace", "expected at most 24h") }
    let settings = kind.init(reader)
    reader.finish()
    for prefix in prefixes {
      guard !entries.contains(where: { $0.prefix == prefix }) else {
        return reader.fault("prefix", "\(prefix.dropFirst()) is another namer's already")
      }
      entries.append(Entry(prefix: prefix, grace: grace, settings: settings))
    }
  }

  private func prefix(_ reader: Reader, _ kind: any NamerSettings.Type) -> Path? {
    let text = reader.text("prefix") ?? "/\(kind.kind)"
    guard let path = try? Path(parsing: text), let first = path.segments.first else {
      reader.fault("prefix", "expected a path such as /\(kind.kind), found \"\(text.prefix(80))\"")
      return nil
    }
    if NamerKinds.reserved.contains(first.text) {
      reader.fault("prefix", "/\(first.text) is the registry's")
      return nil
    }
    return Path(labels: ["#"]).map { $0 + path }
  }

  private static func list(_ names: [String]) -> String { "one of \(names.joined(separator: ", "))" }

  private mutating func addStandard() {
    for entry in Self.standard where !entries.contains(where: { $0.prefix == entry.prefix }) { entries.append(entry) }
  }

  /// What needs no configuration to be of use.
  private static let standard: [Entry] = {
    let settings: [any NamerSettings] = [DNSNamerSettings(), ServiceNamerSettings(), InetNamerSettings()]
    return settings.flatMap { settings in
      let kind = type(of: settings)
      let prefixes = kind.prefixes ?? Path(labels: ["#", kind.kind]).map { [$0] } ?? []
      return prefixes.map { Entry(prefix: $0, grace: kind.grace, settings: settings) }
    }
  }()
}
