import Foundation

/// Runs the operator's editor on a text.
struct Editor {
  let command: String

  init(environment: [String: String]) {
    command = environment["VISUAL"] ?? environment["EDITOR"] ?? "vi"
  }

  /// Through the shell, since `EDITOR` may hold arguments; the file's name is passed beside the script, never inside it.
  func edit(_ text: String, suffix: String) throws(ConsoleError) -> String {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("heddle-\(UUID().uuidString)\(suffix)")
    defer { try? FileManager.default.removeItem(at: file) }
    let process = Process()
    do {
      try text.write(to: file, atomically: true, encoding: .utf8)
      process.executableURL = URL(fileURLWithPath: "/bin/sh")
      process.arguments = ["-c", "\(command) \"$1\"", "heddle", file.path]
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else {
        throw ConsoleError.failed("'\(command)' ended with an error; nothing stored")
      }
      return try String(contentsOf: file, encoding: .utf8)
    } catch let error as ConsoleError {
      throw error
    } catch {
      throw .failed("cannot edit with '\(command)': \(error.localizedDescription)")
    }
  }

  /// Keeps what was written when it could not be stored: minutes of typing are not thrown away.
  static func rescue(_ text: String, because fault: ConsoleError?, on terminal: Terminal) throws(ConsoleError) -> String
  {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "heddle-rejected-\(UUID().uuidString).dtab")
    do { try text.write(to: file, atomically: true, encoding: .utf8) } catch {
      throw .failed("not stored, and your text could not be kept: \(error.localizedDescription)\n\(text)")
    }
    if let fault { terminal.complain(FaultText.of(fault, on: terminal)) }
    return "not stored; your text is kept in \(file.path): mend it, then heddle dtab set \(file.path)"
  }
}
