import Foundation

/// Where a command reads and writes; closures, so that a test hears everything.
public struct Terminal {
  public var write: (String) -> Void
  public var complain: (String) -> Void
  public var readInput: () -> String
  public var pause: (Duration) -> Void
  /// Standard output is a terminal: tables by default, and `top` may redraw.
  public var isInteractive: Bool
  public var hasColour: Bool

  public init(
    write: @escaping (String) -> Void, complain: @escaping (String) -> Void, readInput: @escaping () -> String = { "" },
    pause: @escaping (Duration) -> Void = { _ in }, isInteractive: Bool = false, hasColour: Bool = false
  ) {
    self.write = write
    self.complain = complain
    self.readInput = readInput
    self.pause = pause
    self.isInteractive = isInteractive
    self.hasColour = hasColour
  }

  /// The process's own streams. Colour follows https://no-color.org.
  public static func standard(environment: [String: String]) -> Terminal {
    let interactive = isatty(1) == 1
    return Terminal(
      write: { try? FileHandle.standardOutput.write(contentsOf: Data($0.utf8)) },
      complain: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) },
      readInput: { String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self) },
      pause: { Thread.sleep(forTimeInterval: $0 / .seconds(1)) },
      isInteractive: interactive,
      hasColour: interactive && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb")
  }

  func line(_ text: String = "") { write(text + "\n") }

  func painted(_ text: String, _ paint: Paint) -> String {
    hasColour && paint != .plain ? "\u{1B}[\(paint.rawValue)m\(text)\u{1B}[0m" : text
  }
}

enum Paint: String {
  case plain = "0"
  case bold = "1"
  case faint = "2"
  case red = "31"
  case green = "32"
  case yellow = "33"
}
