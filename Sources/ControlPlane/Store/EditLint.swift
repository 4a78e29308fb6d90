import MeshProtocol
import Traffic

// What is worth a warning in a write: the linter's findings (module Traffic) and what only the store knows.

extension Edit {
  /// Warnings of one kind in one answer.
  static let mostWarnings = 20
  /// Resources of one write that are looked at; each costs some ten microseconds, and the writer waits.
  static let mostLinted = 2000

  mutating func warn(_ changes: [DocumentChange]) {
    let hasNamer = surroundings.hasNamer
    let linter = Linter(state.index) { path in Self.isRegistry(path) || hasNamer(path) }
    for change in changes.prefix(Self.mostLinted) {
      if case .route(let route)? = change.after?.body { warn(ofRoute: change.key, route) }
      if case .authorization(let authorization)? = change.after?.body { warn(of: authorization, change.key) }
      guard let entry = change.after?.ruleEntry else { continue }
      if change.key.kind == .rule { warnIfShadowed(change.key, entry.dentry.prefix) }
      for finding in linter.findings(entry) { add(finding, change.key, entry) }
      warnOfUnknownServices(change.key, entry.dentry.destination)
    }
  }

  private static func isRegistry(_ path: Path) -> Bool {
    path.count >= 2 && (path.segments[1] == "registry" || path.segments[1] == "registry.ns")
  }

  /// Splits stand after all rules: one on the same prefix or a shorter one takes everything that the rule matches.
  private mutating func warnIfShadowed(_ key: DocumentKey, _ prefix: Prefix) {
    for length in 0...prefix.count {
      let shorter = Prefix(elements: Array(prefix.elements.prefix(length)))
      guard let split = state.splitByPrefix[shorter] else { continue }
      add(
        Warning(
          code: "shadowed_by_split",
          detail: "rule \(key.name) (\(prefix)) is only a fall-back: split \(split) on \(shorter) wins over it",
          key: key))
    }
  }

  mutating func warnOfUnknownServices(_ key: DocumentKey, _ destination: NameTree<Path>) {
    for leaf in destination.leaves {
      guard leaf.count >= 3, leaf.segments[0] == "#", leaf.segments[1] == "registry" else { continue }
      let service = leaf.segments[2].text
      guard !state.hasService(service) else { continue }
      add(
        Warning(
          code: "unknown_service",
          detail: "\(key.kind.rawValue) \(key.name) leads to \(leaf), and no service \(service) is registered", key: key
        ))
    }
  }

  private mutating func add(_ finding: LintFinding, _ key: DocumentKey, _ entry: RuleEntry) {
    let offset = finding.place.flatMap { DtabText.offset(ofPlace: $0, in: entry.dentry.destination) }
    add(Warning(code: finding.code.rawValue, detail: finding.message, key: key, offset: offset))
  }

  mutating func add(_ warning: Warning) {
    guard !warnings.contains(warning), warnings.count(where: { $0.code == warning.code }) < Self.mostWarnings else {
      return
    }
    warnings.append(warning)
  }
}
