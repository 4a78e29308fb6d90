import Foundation
import Testing

/// The pages that teach by example show what the tool prints: every command of their `console` blocks is typed again.
@Suite struct DtabPageTests {
  @Test(arguments: [("dtabs", false, 10), ("explain", true, 5)])
  func thePageShowsWhatTheToolPrints(_ name: String, withProxy: Bool, fewestBlocks: Int) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../docs/\(name).md").standardizedFileURL
    let page = try String(contentsOf: file, encoding: .utf8)
    let mesh = try Mesh()
    let proxy = withProxy ? try mesh.startProxy("p1").address : nil
    var blocks = 0
    let typed = try page.replacing(/```console\n([\s\S]*?)```/) { block in
      blocks += 1
      let output = try Transcript(String(block.1)).typed { try shell($0, mesh, proxy) }
      return "```console\n\(output)```"
    }
    #expect(blocks >= fewestBlocks)
    if ProcessInfo.processInfo.environment["WRITE_DOCS"] == "1" {
      try typed.write(to: file, atomically: true, encoding: .utf8)
    }
    for (line, (shown, printed)) in zip(page.components(separatedBy: "\n"), typed.components(separatedBy: "\n")).enumerated() {
      guard shown == printed else {
        Issue.record("docs/\(name).md:\(line + 1) shows\n\(shown)\nand the tool prints\n\(printed)\nwrite it anew with WRITE_DOCS=1")
        return
      }
    }
    #expect(page == typed)
  }

  /// What a terminal shows of a command: both its streams. The pages' proxy listens where a proxy does by itself, 127.0.0.1:4140.
  private func shell(_ command: String, _ mesh: Mesh, _ proxy: String?) throws -> String {
    let environment = [
      "HEDDLE_CONTROLLER": "http://\(mesh.rest)", "HEDDLE_OUTPUT": "table", "NO_COLOR": "1",
      "PATH": RunningProgram.programs.path + ":/usr/bin:/bin",
    ]
    let curl = proxy.map { "curl() { command curl --connect-to 127.0.0.1:4140:\($0) \"$@\"; }\n" } ?? ""
    let script = "cd \"$1\" && exec 2>&1\n" + curl + command
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
