import Foundation
import Synchronization
import SystemIO

/// One of our programs (or a tool such as curl) as a real process, with its output kept. Killed when the test lets go of it.
final class RunningProgram: Sendable {
  private let process: Mutex<Process>
  /// A file, not a pipe: what an ended program said is whole in it at once.
  private let output = URL(fileURLWithPath: NSTemporaryDirectory() + "heddle-output-" + UUID().uuidString)
  let name: String

  /// The folder of the built programs: `HEDDLE_BIN`, or where this test itself was built.
  static let programs =
    ProcessInfo.processInfo.environment["HEDDLE_BIN"].map { URL(fileURLWithPath: $0) }
    ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()

  init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    self.name = name
    let process = Process()
    let own = name.hasPrefix("/") ? URL(fileURLWithPath: name) : Self.programs.appendingPathComponent(name)
    process.executableURL = FileManager.default.isExecutableFile(atPath: own.path) ? own : URL(fileURLWithPath: "/usr/bin/\(name)")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    try Data().write(to: output)
    let handle = try FileHandle(forWritingTo: output)
    process.standardOutput = handle
    process.standardError = handle
    self.process = Mutex(process)
    try process.run()
  }

  deinit {
    kill()
    try? FileManager.default.removeItem(at: output)
  }

  /// What it has said so far.
  var text: String { (try? Data(contentsOf: output)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
  var isRunning: Bool { process.withLock { $0.isRunning } }
  var identifier: Int32 { process.withLock { $0.processIdentifier } }

  /// Bytes, by the name of a line of /proc/PID/status such as `VmHWM`.
  func memory(_ name: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    guard let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }) else {
      throw NeverHappened(description: "no \(name) in \(status)")
    }
    return kilobytes << 10
  }

  /// Ends it without a chance to say good-bye (SIGKILL).
  func kill() { process.withLock { if $0.isRunning { Foundation.kill($0.processIdentifier, SIGKILL) } } }

  /// Asks it to end (SIGTERM).
  func terminate() { process.withLock { if $0.isRunning { $0.terminate() } } }

  /// Sends it any signal.
  func signal(_ number: Int32) { process.withLock { if $0.isRunning { Foundation.kill($0.processIdentifier, number) } } }

  /// Seconds of processor time that it has used, user and system.
  func cpuSeconds() throws -> Double {
    let pid = process.withLock { $0.processIdentifier }
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    // The name in parentheses may hold blanks; behind it stand the fields from the third on.
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      throw NeverHappened(description: "no processor time in \(text)")
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  func openDescriptors() throws -> Int {
    let pid = process.withLock { $0.processIdentifier }
    return try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
  }

  /// Waits for its end and gives its exit code; `text` is whole then.
  func exitCode() throws -> Int32 {
    try eventually("\(name) ends") { isRunning ? nil : () }
    return process.withLock { $0.terminationStatus }
  }

  /// The value behind `key=` in the line that begins with `ready`.
  func address(_ key: String) throws -> String {
    try eventually("\(name) says \(key)") { () -> String? in
      guard let line = text.split(separator: "\n").first(where: { $0.contains("ready ") }) else { return nil }
      return line.split(separator: " ").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }
  }
}

struct NeverHappened: Error, CustomStringConvertible {
  let description: String
}

/// Looks again every 20 ms until there is a value, for a minute at most: a bound for tests that would hang, not a measure.
@discardableResult
func eventually<Value>(_ what: String, _ look: () throws -> Value?) throws -> Value {
  let end = Instant.now() + .seconds(60)
  while Instant.now() < end {
    if let value = try look() { return value }
    usleep(20_000)
  }
  throw NeverHappened(description: "never happened: \(what)")
}

/// A folder that goes with the test.
final class ScratchFolder: Sendable {
  let path: String
  init() throws {
    path = NSTemporaryDirectory() + "heddle-e2e-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
