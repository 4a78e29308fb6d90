import Foundation
import Testing

/// The page that teaches dtabs shows what the tool prints: every command of its `console` blocks is typed again.
@Suite struct DtabPageTests {
  @Test func thePageShowsWhatTheToolPrints() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/dtabs.md").standardizedFileURL
    let page = try String(contentsOf: file, encoding: .utf8)
    let mesh = try Mesh()
    var blocks = 0
    let typed = try page.replacing(/```console\n([\s\S]*?)```/) { block in
      blocks += 1
      let output = try Transcript(String(block.1)).typed { try shell($0, mesh) }
      return "```console\n\(output)```"
    }
    #expect(blocks >= 10)
    if ProcessInfo.processInfo.environment["WRITE_DOCS"] == "1" {
      try typed.write(to: file, atomically: true, encoding: .utf8)
    }
    for (line, (shown, printed)) in zip(page.components(separatedBy: "\n"), typed.components(separatedBy: "\n")).enumerated() {
      guard shown == printed else {
        Issue.record("docs/dtabs.md:\(line + 1) shows\n\(shown)\nand the tool prints\n\(printed)\nwrite it anew with WRITE_DOCS=1")
        return
      }
    }
    #expect(page == typed)
  }

  /// What a terminal shows of a command: both its streams.
  private func shell(_ command: String, _ mesh: Mesh) throws -> String {
    let environment = [
      "HEDDLE_CONTROLLER": "http://\(mesh.rest)", "HEDDLE_OUTPUT": "table", "NO_COLOR": "1",
      "PATH": RunningProgram.programs.path + ":/usr/bin:/bin",
    ]
    let script = "cd \"$1\" && exec 2>&1\n" + command
    return try run("/bin/sh", ["-c", script, "sh", mesh.folder.path], environment: environment, folder: mesh.folder).output
  }
}

/// Commands after `$ `, going on in lines after `> `, and what followed them.
private struct Transcript {
  private var commands: [String] = []

  init(_ block: String) {
    for line in block.components(separatedBy: "\n") {
      if line.hasPrefix("$ ") {
        commands.append(String(line.dropFirst(2)))
      } else if line.hasPrefix("> "), let last = commands.indices.last, commands[last].contains("<<") {
        commands[last] += "\n" + line.dropFirst(2)
      }
    }
  }

  func typed(_ shell: (String) throws -> String) rethrows -> String {
    try commands.map { command in
      let shown = command.components(separatedBy: "\n").enumerated().map { ($0 == 0 ? "$ " : "> ") + $1 }
      return shown.joined(separator: "\n") + "\n" + (try shell(command))
    }.joined()
  }
}
