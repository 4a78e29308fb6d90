import Foundation
import Testing

/// What others build against says what it is.
@Suite struct DocumentationTests {
  static let documented = ["Sources/Memory/", "Sources/HTTP/", "Sources/TLS/", "Sources/Traffic/", "Sources/Protocol/Naming/"]

  @Test func publicDeclarationsHaveADocComment() {
    let missing = SourceTree.sources.filter { file in Self.documented.contains { file.path.hasPrefix($0) } }.flatMap(
      Self.undocumented)
    #expect(
      missing.count <= Ratchet.undocumentedPublic,
      "\(missing.count) without: \(missing.prefix(40).joined(separator: " · "))")
  }

  /// Types, and functions and initialisers that take something: a plain property's name is its documentation.
  static func undocumented(in file: SourceTree.File) -> [String] {
    var missing: [String] = []
    var hasComment = false
    for (index, line) in file.lines.enumerated() {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.hasPrefix("///") {
        hasComment = true
      } else if text.hasPrefix("@") && !text.contains("public ") {
        continue
      } else {
        let isDeclaration =
          text.contains("public ")
          && text.contains(
            /^(?:@\w+(?:\([^)]*\))?\s+)*public\s+(?:static\s+|mutating\s+|consuming\s+|borrowing\s+|final\s+|indirect\s+)*(?:struct|class|enum|protocol|func)\s/
          )
        let isWitness =
          isDeclaration
          && (text.contains(/func\s+(?:==|<|\+|hash|encode|makeIterator|next)\b/) || text.contains(/func\s+[=<>+\-]/))
        if isDeclaration, !isWitness, !hasComment { missing.append("\(file.path):\(index + 1)") }
        hasComment = false
      }
    }
    return missing
  }

  @Test func everyMakeTargetIsDescribed() throws {
    let makefile = try #require(SourceTree.files.first { $0.path == "Makefile" })
    for line in makefile.lines where line.contains(/^[a-z-]+:(?!=)/) { #expect(line.contains("## "), "\(line)") }
  }

  /// Every relative link of every page leads somewhere.
  @Test func linksLeadSomewhere() {
    for page in SourceTree.files where page.path.hasSuffix(".md") && !page.path.hasPrefix("Benchmarks/results") {
      let folder = SourceTree.root.appendingPathComponent(page.path).deletingLastPathComponent()
      for match in page.text.matches(of: /\]\(([^)\s#:]+)(?:#[^)]*)?\)/) {
        let target = folder.appendingPathComponent(String(match.1)).standardizedFileURL.path
        let exists = FileManager.default.fileExists(atPath: target)
        #expect(exists, "\(page.path) links to \(match.1)")
      }
    }
  }

  /// Migrations are numbered without a gap; the store's own test compares them with the SQL in the binary.
  @Test func migrationsAreNumberedInOrder() {
    let names = SourceTree.files.map(\.path).filter { $0.hasPrefix("migrations/") && $0.hasSuffix(".sql") }
    for (index, name) in names.enumerated() {
      let number = String(index + 1)
      let expected = "migrations/" + String(repeating: "0", count: 4 - number.count) + number + "_"
      #expect(name.hasPrefix(expected), "\(name) should begin with \(expected)")
    }
  }
}

/// Each configuration key stands in the pages.
@Suite struct ConfigurationPageTests {
  @Test(arguments: [
    ("Sources/DataPlane/Config/ProxyKeys.swift", "docs/configuration-proxy.md"),
    ("Sources/ControlPlane/Program/ControllerKeys.swift", "docs/configuration.md"),
  ])
  func everyKeyIsDocumented(_ source: String, _ page: String) throws {
    let table = try #require(SourceTree.files.first { $0.path == source }).text
    let text = try #require(SourceTree.files.first { $0.path == page }).text
    let keys = table.matches(of: /Setting\(\s*"([a-z_.]+)"/).map { String($0.1) }
    #expect(keys.count >= 5)
    let missing = keys.filter { !text.contains("`\($0)`") }
    #expect(missing.isEmpty, "\(page) does not name these")
  }
}

/// One version everywhere.
@Suite struct VersionTests {
  @Test(arguments: [
    "Sources/DataPlane/Admin/ProxyVersion.swift", "Sources/ControlPlane/Program/ControllerProgram.swift",
    "Sources/Console/Commands/HeddleCommand.swift",
  ])
  func programsAndChartAgree(_ source: String) throws {
    let chart = try #require(SourceTree.files.first { $0.path == "charts/heddle/Chart.yaml" }).text
    let version = try #require(chart.firstMatch(of: /appVersion: "?([0-9.]+)/)).1
    let text = try #require(SourceTree.files.first { $0.path == source }).text
    let isThere = text.contains("\"\(version)\"")
    #expect(isThere, "\(source) does not say \(version)")
  }
}
