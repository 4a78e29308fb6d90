import Testing

/// docs/metrics.md names what the programs show, and nothing else.
@Suite struct MetricsPageTests {
  private static let page = SourceTree.files.first { $0.path == "docs/metrics.md" }?.text ?? ""
  /// Names as they stand in the code, in the text of strings: what begins a family.
  private static let shown = Set(
    SourceTree.sources.filter { file in
      ["DataPlane", "ControlPlane", "Discovery"].contains { file.path.hasPrefix("Sources/\($0)/") }
    }
    .flatMap { file in
      file.text.matches(of: /(?:begin\("|# TYPE )((?:heddle|process)_[a-z_]+)/).map { String($0.1) }
    })
  private static let documented = Set(page.matches(of: /\| `((?:heddle|process)_[a-z_]+)`/).map { String($0.1) })

  @Test func everyMetricIsDocumented() {
    #expect(Self.shown.count > 30)
    #expect(Self.shown.subtracting(Self.documented).sorted() == [])
  }

  @Test func everyDocumentedMetricExists() {
    #expect(Self.documented.subtracting(Self.shown).sorted() == [])
  }
}
