import Testing

/// Words that say nothing, and files that outgrow their room.
@Suite struct NamingTests {
  static let empty = ["Manager", "Helper", "Util", "Info"]

  @Test func noTypeIsNamedByNothing() {
    for file in SourceTree.swift {
      for (index, code) in file.codeLines.enumerated() where Self.empty.contains(where: { code.contains($0) }) {
        for match in code.matches(
          of: /\b(?:class|struct|enum|protocol|actor|typealias)\s+(\w*(?:Manager|Helper|Util|Utils|Utility|Info))\b/)
        {
          Issue.record("\(file.path):\(index + 1): \(match.1) says nothing of what it does")
        }
      }
    }
  }

  @Test func aLongFileSaysWhy() {
    for file in SourceTree.swift where file.lines.count > Ratchet.longFile {
      let head = file.lines.prefix(20).joined(separator: "\n")
      #expect(head.contains("This file is long"), "\(file.path) has \(file.lines.count) lines and does not say why")
    }
  }

  @Test func noModuleIsNamedLikeTheToolchains() {
    for module in Module.all { #expect(!["Runtime", "System", "Protocol"].contains(module.name)) }
  }

  /// Nothing in the tree knows the machine it was written on, or where its packages came from.
  @Test func theTreeKnowsNoMachine() {
    // The checkout and the folder above it, where they are deep enough to be nobody else's: "/src/" stands in many a text.
    let root = SourceTree.root
    let own = [root, root.deletingLastPathComponent()].filter { $0.pathComponents.count > 2 }.map { $0.path + "/" }
    for file in SourceTree.files {
      for (index, line) in file.lines.enumerated() {
        guard line.contains("/") else { continue }
        let isOwn = own.contains { line.contains($0) }
        let isHome =
          ["/home/", "/Users/", "/root/"].contains { line.contains($0) }
          && line.contains(/\/(?:home|Users)\/\w+\/|\/root\/\w/)
        #expect(!isOwn && !isHome, "\(file.path):\(index + 1) names a place of one machine")
      }
    }
  }
}
