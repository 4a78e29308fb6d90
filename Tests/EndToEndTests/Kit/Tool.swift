import Foundation

/// What a program that ran to its end left.
struct ToolAnswer: CustomStringConvertible {
  let code: Int32
  let output: String
  let complaint: String

  var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8), options: .fragmentsAllowed) }
  var object: [String: Any] { json as? [String: Any] ?? [:] }
  var description: String { "exit \(code)\n\(output)\n\(complaint)" }
}

/// Runs one of our programs, or a tool at an absolute path, to its end. One that hangs is ended after a minute.
func run(_ name: String, _ arguments: [String], environment: [String: String] = [:], folder: ScratchFolder) throws -> ToolAnswer {
  let process = Process()
  process.executableURL =
    name.hasPrefix("/") ? URL(fileURLWithPath: name) : RunningProgram.programs.appendingPathComponent(name)
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let complaints = folder.path + "/complaints-" + UUID().uuidString
  try Data().write(to: URL(fileURLWithPath: complaints))
  let pipe = Pipe()
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = pipe
  process.standardError = FileHandle(forWritingAtPath: complaints)
  try process.run()
  let pid = process.processIdentifier
  let watchdog = DispatchWorkItem { kill(pid, SIGKILL) }
  DispatchQueue.global().asyncAfter(deadline: .now() + 60, execute: watchdog)
  let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  watchdog.cancel()
  return ToolAnswer(
    code: process.terminationStatus, output: output, complaint: try String(contentsOfFile: complaints, encoding: .utf8))
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): the same numbers in every run.
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
