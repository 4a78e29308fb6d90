/// Collects what is wrong while readers go through a tree.
public final class ProblemList {
  public private(set) var problems: [Problem] = []
  /// Nothing wrong yet.
  public init() {}
  /// Notes one more.
  public func add(_ problem: Problem) { problems.append(problem) }
  /// Throws when anything was noted.
  public func check() throws(SettingsError) { if !problems.isEmpty { throw SettingsError(problems) } }
}

/// Reads one mapping by key and type. Wrong types are noted in the list of problems and read as absent; `finish`
/// notes the keys that nobody asked for, with the nearest one that somebody did.
public final class Reader {
  public let path: String
  public let mark: Mark
  private let entries: [Node.Entry]
  private let problems: ProblemList
  private var asked: [String] = []

  /// Reads `node`, which is noted as a problem unless it is a mapping. `path` is what messages put before each key.
  public init(_ node: Node, path: String = "", problems: ProblemList) {
    self.path = path
    self.problems = problems
    mark = node.mark
    if case .mapping(let entries) = node.content {
      self.entries = entries
    } else {
      entries = []
      if !node.isNull {
        problems.add(
          Problem(path: path, message: "expected a mapping, found \(node.kindName)", origin: .file(node.mark)))
      }
    }
  }

  /// The value of a key as it stands; `nil` when absent or null.
  public func node(_ key: String) -> Node? {
    asked.append(key)
    guard let value = entries.first(where: { $0.key == key })?.value, !value.isNull else { return nil }
    return value
  }

  /// A text; numbers and booleans are texts too.
  public func text(_ key: String) -> String? { scalar(key, "a text") { $0 } }
  /// A truth value.
  public func boolean(_ key: String) -> Bool? { scalar(key, "true or false", Scalar.boolean) }
  /// An integer in a range.
  public func integer(_ key: String, in range: ClosedRange<Int> = 0...Int.max) -> Int? {
    scalar(key, "an integer from \(range.lowerBound) to \(range.upperBound)") { text in
      Scalar.integer(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
  /// A duration such as `250ms`.
  public func duration(_ key: String) -> Duration? {
    scalar(key, "a duration such as 250ms, 1s or 5m", Scalar.duration)
  }
  /// A size such as `64KiB`.
  public func size(_ key: String) -> Int? { scalar(key, "a size such as 4096, 64KiB or 1MiB", Scalar.size) }

  /// A list of texts; one text counts as a list of one.
  public func texts(_ key: String) -> [String]? {
    guard let node = node(key) else { return nil }
    if case .text(let text, _) = node.content { return [text] }
    guard case .list(let items) = node.content else { return wrong(key, node, "a list of texts") }
    var texts: [String] = []
    for item in items {
      guard case .text(let text, _) = item.content else { return wrong(key, item, "a text") }
      texts.append(text)
    }
    return texts
  }

  /// A mapping whose keys are the author's choice.
  public func entries(_ key: String) -> [Node.Entry]? {
    guard let node = node(key) else { return nil }
    guard case .mapping(let entries) = node.content else { return wrong(key, node, "a mapping") }
    return entries
  }

  /// A mapping to read further.
  public func reader(_ key: String) -> Reader? {
    node(key).map { Reader($0, path: join(key), problems: problems) }
  }

  /// A list of mappings to read further.
  public func readers(_ key: String) -> [Reader] {
    guard let node = node(key) else { return [] }
    guard case .list(let items) = node.content else {
      let nothing: [Reader]? = wrong(key, node, "a list")
      return nothing ?? []
    }
    return items.enumerated().map { Reader($1, path: "\(join(key))[\($0)]", problems: problems) }
  }

  /// Notes a problem with a key's value.
  public func fault(_ key: String, _ message: String, hint: String = "") {
    let mark = entries.first { $0.key == key }?.value.mark ?? mark
    problems.add(Problem(path: join(key), message: message, origin: .file(mark), hint: hint))
  }

  /// Notes every key that was not asked for.
  public func finish() {
    for entry in entries where !asked.contains(entry.key) {
      let near = nearest(to: entry.key, in: asked)
      problems.add(
        Problem(
          path: join(entry.key), message: "unknown key", origin: .file(entry.mark),
          hint: near.map { "did you mean \($0)?" } ?? ""))
    }
  }

  private func scalar<Value>(_ key: String, _ expected: String, _ convert: (String) -> Value?) -> Value? {
    guard let node = node(key) else { return nil }
    guard case .text(let text, _) = node.content else { return wrong(key, node, expected) }
    return convert(text) ?? wrong(key, node, expected)
  }

  private func wrong<Value>(_ key: String, _ node: Node, _ expected: String) -> Value? {
    var found = node.kindName
    if case .text(let text, _) = node.content { found = "\"\(text.prefix(80))\"" }
    problems.add(
      Problem(path: join(key), message: "expected \(expected), found \(found)", origin: .file(node.mark)))
    return nil
  }

  private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}
