import Foundation

/// The repository as text, found from this file's place.
enum SourceTree {
  static let root: URL = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent()

  struct File: Sendable {
    /// Relative to the root, `/` between parts.
    let path: String
    let text: String
    /// The text of a Swift file without comments and string literals, line by line, so that a word in a comment is no use of it.
    let codeLines: [String]

    init(path: String, text: String) {
      self.path = path
      self.text = text
      codeLines = path.hasSuffix(".swift") ? Self.code(of: text) : []
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
  }

  /// Where the repository's files are. Anything else in the folder (builds, logs, caches of whoever runs the tests) is not ours.
  static let tops: Set<String> = [
    ".ci", ".dockerignore", ".editorconfig", ".gitignore", ".swift-format", "ARCHITECTURE.md", "Benchmarks", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", "Makefile", "Package.swift", "README.md", "Sources", "Tests", "charts", "demo", "docs", "migrations", "packaging",
    "scripts",
  ]

  /// Every file of the repository, without what is built or generated for a machine.
  static let files: [File] = {
    let left: Set<String> = [".build", "__pycache__", "results"]
    guard let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.isRegularFileKey]) else {
      return []
    }
    var files: [File] = []
    for case let url as URL in walk {
      let path = String(url.path.dropFirst(root.path.count + 1))
      let top = String(path.prefix { $0 != "/" })
      if !tops.contains(top) || left.contains(url.lastPathComponent) {
        walk.skipDescendants()
        continue
      }
      guard (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true,
        let data = try? Data(contentsOf: url), let text = String(data: data, encoding: .utf8)
      else { continue }
      files.append(File(path: path, text: text))
    }
    return files.sorted { $0.path < $1.path }
  }()

  static let manifest: String = files.first { $0.path == "Package.swift" }?.text ?? ""

  /// Swift that we wrote, without what a generator wrote.
  static let sources = files.filter {
    $0.path.hasPrefix("Sources/") && $0.path.hasSuffix(".swift") && !$0.path.hasSuffix(".pb.swift")
  }
  static let swift = files.filter { $0.path.hasSuffix(".swift") && !$0.path.hasSuffix(".pb.swift") }
}

extension SourceTree {
  /// The manifest's lines, with each declaration that the formatter broke put together again.
  static let declarations = manifest.replacing(
    /([(\[,])\n(?!\s*(?:module\(|tests\(|\.executableTarget|\.target|\.systemLibrary|\/\/))\s+/
  ) { "\($0.1)" }.split(separator: "\n").map(String.init)
}

/// A target as the manifest declares it.
struct Module: Sendable {
  let name: String
  let layer: Int
  let folder: String
  let dependencies: Set<String>

  /// Reads `module("Name", layer: n, path: …, […])`, C targets (layer 0) and executables (layer 7) from the manifest.
  static let all: [Module] = {
    var modules: [Module] = []
    for line in SourceTree.declarations {
      let text = line.trimmingCharacters(in: .whitespaces)
      guard let name = text.firstMatch(of: /"([A-Za-z0-9-]+)"/).map({ String($0.1) }) else { continue }
      let path = text.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) }
      let list = text.firstMatch(of: /\[([^\]]*)\]/).map { String($0.1) } ?? ""
      let names = Set(list.split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\" ")) })
      if let layer = text.firstMatch(of: /^module\("[^"]+", layer: (\d+)/).flatMap({ Int($0.1) }) {
        modules.append(Module(name: name, layer: layer, folder: path ?? "Sources/\(name)", dependencies: names))
      } else if text.hasPrefix(".executableTarget(") {
        modules.append(Module(name: name, layer: 7, folder: path ?? "Sources/\(name)", dependencies: names))
      } else if text.hasPrefix(".target(") || text.hasPrefix(".systemLibrary("), !text.contains("TestSupport") {
        modules.append(Module(name: name, layer: 0, folder: path ?? "Sources/\(name)", dependencies: []))
      }
    }
    return modules
  }()

  static func named(_ name: String) -> Module? { all.first { $0.name == name } }

  var sources: [SourceTree.File] { SourceTree.sources.filter { $0.path.hasPrefix(folder + "/") } }
}

extension SourceTree.File {
  /// What the file imports, with the line.
  var imports: [(module: String, line: Int)] {
    lines.enumerated().compactMap { index, line in
      guard line.contains("import ") else { return nil }
      return line.firstMatch(
        of:
          /^\s*(?:@\w+(?:\([^)]*\))?\s+|public\s+|internal\s+|private\s+|package\s+|fileprivate\s+)*import\s+(?:(?:struct|class|enum|func|protocol|typealias|var|let)\s+)?([A-Za-z0-9_]+)/
      )
      .map { (String($0.1), index + 1) }
    }
  }

  /// Line by line and by plain search: a regular expression over every line of the tree takes most of a minute unoptimised.
  private static func code(of text: String) -> [String] {
    var isInBlock = false
    var isInText = false
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      if isInText {
        isInText = !line.contains("\"\"\"")
        return ""
      }
      if line.contains("\"\"\"") {
        isInText = line.count(of: "\"\"\"") % 2 == 1
        return String(line.prefix { $0 != "\"" })
      }
      var code = withoutLiterals(line)
      if isInBlock {
        guard let end = code.range(of: "*/") else { return "" }
        isInBlock = false
        code = String(code[end.upperBound...])
      }
      if let start = code.range(of: "/*") {
        isInBlock = !code[start.upperBound...].contains("*/")
        code = String(code[..<start.lowerBound])
      }
      if let comment = code.range(of: "//") { code = String(code[..<comment.lowerBound]) }
      return code
    }
  }

  private static func withoutLiterals(_ line: Substring) -> String {
    guard line.utf8.contains(UInt8(ascii: "\"")) else { return String(line) }
    var code: [UInt8] = []
    var isInside = false
    var isEscaped = false
    for byte in line.utf8 {
      if byte == UInt8(ascii: "\""), !isEscaped {
        isInside.toggle()
        code.append(byte)
      } else if !isInside {
        code.append(byte)
      }
      isEscaped = isInside && byte == UInt8(ascii: "\\") && !isEscaped
    }
    return String(decoding: code, as: UTF8.self)
  }
}

extension Substring {
  func count(of part: String) -> Int { self.split(separator: part, omittingEmptySubsequences: false).count - 1 }
}
