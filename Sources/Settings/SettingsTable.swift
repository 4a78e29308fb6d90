/// One key of a program's settings: what `--help`, the documentation and the validation all say about it.
public struct Setting: Sendable {
  /// What a value may be.
  public enum Kind: Sendable, Equatable {
    case text
    case boolean
    case integer(ClosedRange<Int>)
    /// A duration within bounds.
    case duration(ClosedRange<Duration>)
    /// Bytes within bounds.
    case size(ClosedRange<Int>)
    /// One of some words.
    case choice([String])
    /// Texts; in the environment and in options separated by commas.
    case texts
    /// `key: value` pairs; in the environment and in options `a=b,c=d`.
    case pairs
    /// Structure that its owner reads from the tree; only in the file.
    case tree
  }

  /// The key's place in the file, `outbound.listen`.
  public let path: String
  public let kind: Kind
  /// The text that stands when nobody sets it; `nil` = absent.
  public let standard: String?
  /// The environment variable that sets it, or `nil`.
  public let environment: String?
  /// The command line option that sets it, `--mesh`, or `nil`.
  public let option: String?
  /// What it means and, for a limit, why and what happens there. One or two sentences.
  public let summary: String

  /// Describes a key.
  public init(
    _ path: String, _ kind: Kind, standard: String? = nil, environment: String? = nil, option: String? = nil,
    _ summary: String
  ) {
    self.path = path
    self.kind = kind
    self.standard = standard
    self.environment = environment
    self.option = option
    self.summary = summary
  }

  /// What a value has to look like, for messages: `a duration from 1ms to 1h`.
  public var expectation: String {
    switch kind {
    case .text: "a text"
    case .boolean: "true or false"
    case .integer(let range):
      range.upperBound == .max
        ? "an integer from \(range.lowerBound)"
        : "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .duration(let range): "a duration from \(Scalar.text(range.lowerBound)) to \(Scalar.text(range.upperBound))"
    case .size(let range):
      range.upperBound == .max
        ? "a size of at least \(range.lowerBound) bytes"
        : "a size from \(range.lowerBound) to \(range.upperBound) bytes"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    case .texts: "a list of texts"
    case .pairs: "a mapping of texts"
    case .tree: "a structure"
    }
  }

  func accepts(_ text: String) -> Bool {
    switch kind {
    case .text: true
    case .boolean: Scalar.boolean(text) != nil
    case .integer(let range): Scalar.integer(text).map(range.contains) ?? false
    case .duration(let range): Scalar.duration(text).map(range.contains) ?? false
    case .size(let range): Scalar.size(text).map(range.contains) ?? false
    case .choice(let words): words.contains(text)
    case .texts, .pairs, .tree: false
    }
  }
}

/// A value with its origin.
public struct SettingValue: Sendable {
  /// What was given, by shape.
  public enum Content: Sendable, Equatable {
    case text(String)
    case texts([String])
    case pairs([String: String])
    case tree(Node)
  }
  public let content: Content
  public let origin: Origin
}

/// All keys of a program, and the reading of file, environment and options by them. Options win over the environment,
/// the environment over the file, the file over defaults.
public struct SettingsTable: Sendable {
  public let settings: [Setting]
  private let byPath: [String: Setting]

  /// A table; paths must be unique.
  public init(_ settings: [Setting]) {
    self.settings = settings
    byPath = Dictionary(settings.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Reads everything and says all that is wrong at once.
  ///
  /// - Parameters:
  ///   - file: the file's tree, or `nil` when there is none.
  ///   - environment: the value of a variable; an empty one counts as unset.
  ///   - options: options as given, `("--mesh", "10.0.0.1:4321")`; the last of several wins.
  public func read(
    file: Node?, environment: (String) -> String?, options: [(name: String, value: String)] = []
  ) throws(SettingsError) -> SettingsValues {
    let problems = ProblemList()
    var values: [String: SettingValue] = [:]
    if let file { read(file, prefix: "", into: &values, problems) }
    for setting in settings {
      if let name = setting.environment, let text = environment(name), !text.isEmpty {
        values[setting.path] = value(text, of: setting, .environment(name), problems) ?? values[setting.path]
      }
      if let name = setting.option, let text = options.last(where: { $0.name == name })?.value {
        values[setting.path] = value(text, of: setting, .option(name), problems) ?? values[setting.path]
      }
    }
    addStandards(to: &values, problems)
    try problems.check()
    return SettingsValues(values, kinds: byPath.mapValues(\.kind))
  }

  /// Reads one entry of a list whose entries have the keys of this table, which all begin with `path` (`outbound.listeners[1]`). What
  /// is wrong is noted in `problems`, and reads as absent.
  public func read(entry node: Node, at path: String, _ problems: ProblemList) -> SettingsValues {
    var values: [String: SettingValue] = [:]
    read(node, prefix: path, into: &values, problems)
    addStandards(to: &values, problems)
    return SettingsValues(values, kinds: byPath.mapValues(\.kind))
  }

  private func addStandards(to values: inout [String: SettingValue], _ problems: ProblemList) {
    for setting in settings where values[setting.path] == nil {
      if let text = setting.standard { values[setting.path] = value(text, of: setting, .standard, problems) }
    }
  }

  // MARK: The file

  private func read(_ node: Node, prefix: String, into values: inout [String: SettingValue], _ problems: ProblemList) {
    guard case .mapping(let entries) = node.content else {
      if !node.isNull { wrong(prefix, "a mapping", node, problems) }
      return
    }
    for entry in entries {
      let path = prefix.isEmpty ? entry.key : "\(prefix).\(entry.key)"
      if let setting = byPath[path] {
        if entry.value.isNull { continue }
        values[path] = value(entry.value, of: setting, problems)
      } else if settings.contains(where: { $0.path.hasPrefix(path + ".") }) {
        read(entry.value, prefix: path, into: &values, problems)
      } else {
        let near = nearest(to: entry.key, in: keys(under: prefix))
        problems.add(
          Problem(
            path: path, message: "unknown key", origin: .file(entry.mark),
            hint: near.map { "did you mean \($0)?" } ?? ""))
      }
    }
  }

  private func keys(under prefix: String) -> [String] {
    let start = prefix.isEmpty ? "" : prefix + "."
    let rests = settings.filter { $0.path.hasPrefix(start) }.map { $0.path.dropFirst(start.count) }
    return Array(Set(rests.map { String($0.prefix { $0 != "." }) }))
  }

  private func value(_ node: Node, of setting: Setting, _ problems: ProblemList) -> SettingValue? {
    let origin = Origin.file(node.mark)
    switch (setting.kind, node.content) {
    case (.tree, _): return SettingValue(content: .tree(node), origin: origin)
    case (.texts, .text(let text, _)): return SettingValue(content: .texts([text]), origin: origin)
    case (.texts, .list(let items)):
      let texts = items.compactMap { plainText($0, setting, problems) }
      return SettingValue(content: .texts(texts), origin: origin)
    case (.pairs, .mapping(let entries)):
      var pairs: [String: String] = [:]
      for entry in entries { pairs[entry.key] = plainText(entry.value, setting, problems) }
      return SettingValue(content: .pairs(pairs), origin: origin)
    case (_, .text(let text, _)) where setting.accepts(text): return SettingValue(content: .text(text), origin: origin)
    default:
      wrong(setting.path, setting.expectation, node, problems)
      return nil
    }
  }

  private func plainText(_ node: Node, _ setting: Setting, _ problems: ProblemList) -> String? {
    if case .text(let text, _) = node.content { return text }
    wrong(setting.path, setting.expectation, node, problems)
    return nil
  }

  private func wrong(_ path: String, _ expectation: String, _ node: Node, _ problems: ProblemList) {
    var found = node.kindName
    if case .text(let text, _) = node.content { found = "\"\(text.prefix(80))\"" }
    problems.add(Problem(path: path, message: "expected \(expectation), found \(found)", origin: .file(node.mark)))
  }

  // MARK: Environment and options

  private func value(_ text: String, of setting: Setting, _ origin: Origin, _ problems: ProblemList) -> SettingValue? {
    switch setting.kind {
    case .texts:
      let texts = text.split(separator: ",").map { trimmed($0) }.filter { !$0.isEmpty }
      return SettingValue(content: .texts(texts), origin: origin)
    case .pairs:
      var pairs: [String: String] = [:]
      for part in text.split(separator: ",") {
        guard let equals = part.firstIndex(of: "=") else { return refuse(text, setting, origin, problems) }
        pairs[trimmed(part[..<equals])] = trimmed(part[part.index(after: equals)...])
      }
      return SettingValue(content: .pairs(pairs), origin: origin)
    default:
      guard setting.accepts(text) else { return refuse(text, setting, origin, problems) }
      return SettingValue(content: .text(text), origin: origin)
    }
  }

  private func refuse(_ text: String, _ setting: Setting, _ origin: Origin, _ problems: ProblemList) -> SettingValue? {
    problems.add(
      Problem(
        path: setting.path, message: "expected \(setting.expectation), found \"\(text.prefix(80))\"", origin: origin))
    return nil
  }

  private func trimmed(_ text: Substring) -> String {
    let start = text.drop { $0 == " " }
    return String(start.reversed().drop { $0 == " " }.reversed())
  }
}

/// The values that were read, checked by their kinds. Asking for a path that is not in the table, or by another kind,
/// is a mistake of the program and stops it; each program reads all of its keys in its tests.
public struct SettingsValues: Sendable {
  private let values: [String: SettingValue]
  private let kinds: [String: Setting.Kind]

  init(_ values: [String: SettingValue], kinds: [String: Setting.Kind]) {
    self.values = values
    self.kinds = kinds
  }

  /// Where the value of a key came from.
  public func origin(_ path: String) -> Origin { values[path]?.origin ?? .standard }

  /// The value of a text or choice key.
  public func text(_ path: String) -> String? {
    precondition(kinds[path] != nil, "no such setting")
    guard case .text(let text)? = values[path]?.content else { return nil }
    return text
  }

  /// The value of a boolean key that has a default.
  public func boolean(_ path: String) -> Bool { required(path, Scalar.boolean) }
  /// The value of an integer key that has a default.
  public func integer(_ path: String) -> Int { required(path, Scalar.integer) }
  /// The value of a duration key that has a default.
  public func duration(_ path: String) -> Duration { required(path, Scalar.duration) }
  /// The value of a size key that has a default, in bytes.
  public func size(_ path: String) -> Int { required(path, Scalar.size) }

  /// The value of an integer key without a default.
  public func optionalInteger(_ path: String) -> Int? { text(path).flatMap(Scalar.integer) }
  /// The value of a duration key without a default.
  public func optionalDuration(_ path: String) -> Duration? { text(path).flatMap(Scalar.duration) }

  /// The value of a list key, empty when absent.
  public func texts(_ path: String) -> [String] {
    precondition(kinds[path] == .texts, "not a list setting")
    guard case .texts(let texts)? = values[path]?.content else { return [] }
    return texts
  }

  /// The value of a pairs key, empty when absent.
  public func pairs(_ path: String) -> [String: String] {
    precondition(kinds[path] == .pairs, "not a pairs setting")
    guard case .pairs(let pairs)? = values[path]?.content else { return [:] }
    return pairs
  }

  /// The tree of a tree key.
  public func tree(_ path: String) -> Node? {
    precondition(kinds[path] == .tree, "not a tree setting")
    guard case .tree(let node)? = values[path]?.content else { return nil }
    return node
  }

  private func required<Value>(_ path: String, _ convert: (String) -> Value?) -> Value {
    guard let value = text(path).flatMap(convert) else { preconditionFailure("a setting without value: \(path)") }
    return value
  }
}
