import JSONFormat
import MeshProtocol
import Traffic

/// What the linter says of a dtab's text, each finding under its place.
struct DtabFindings {
  /// Of the linter, and loops; in the order of the text.
  let findings: [(finding: LintFinding, offset: Int)]

  /// Without a controller nobody knows which namers there are: all are taken for configured.
  init(_ text: DtabText) {
    let entries = text.entries.enumerated().map { index, entry in
      RuleEntry(
        origin: .rule(id: "\(index + 1)", revision: 0), order: RuleOrder(tier: .rules, position: index),
        dentry: entry.dentry)
    }
    let index = RuleIndex(entries)
    let linter = Linter(index) { _ in true }
    var found: [(LintFinding, Int)] = []
    for (entry, place) in zip(entries, text.entries) {
      var findings = linter.findings(entry)
      if let loop = linter.loop(entry) { findings.append(loop) }
      found += findings.map { finding in
        let places = place.places
        return (finding, finding.place.flatMap { places.indices.contains($0) ? places[$0] : nil } ?? place.offset)
      }
    }
    findings = found.map { ($0.0, $0.1) }
  }

  /// Loops are refused when they are stored.
  var hasErrors: Bool { findings.contains { $0.finding.code == .loop } }

  func text(in source: String, on terminal: Terminal) -> String {
    findings.map { finding, offset in
      let isError = finding.code == .loop
      let label = terminal.painted(isError ? "error: " : "warning: ", isError ? .red : .yellow)
      return label + finding.code.rawValue + "\n" + Caret.pointing(at: offset, in: source, saying: finding.message)
        + "\n"
    }.joined()
  }

  func json(in source: String) -> JSON {
    .array(
      findings.map { finding, offset in
        let before = source.utf8.prefix(offset)
        let line = before.count { $0 == 0x0A } + 1
        let column = before.reversed().prefix { $0 != 0x0A }.count + 1
        return .object([
          .init("code", .string(finding.code.rawValue)), .init("detail", .string(finding.message)),
          .init("line", JSON(line)), .init("column", JSON(column)),
        ])
      })
  }
}
