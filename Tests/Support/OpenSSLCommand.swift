import Foundation

/// The `openssl` command in a folder of its own: the other side of what we write ourselves.
public struct OpenSSLCommand: Sendable {
  private let folder: String

  public struct Failure: Error, CustomStringConvertible { public let description: String }

  public init() throws {
    folder = NSTemporaryDirectory() + "heddle-openssl-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  public func write(_ bytes: [UInt8], _ name: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
  }

  public func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))) }

  /// A certificate request on a new key, DER.
  public func request(_ kind: String, _ options: [String] = []) throws -> [UInt8] {
    _ = try run(
      ["req", "-new", "-newkey", kind] + options + ["-nodes", "-keyout", "key.pem", "-out", "request.der", "-outform", "DER"]
        + ["-subj", "/CN=wanted"])
    return try read("request.der")
  }

  /// What it prints; errors and a bad exit code are thrown.
  public func run(_ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["openssl"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let (output, errors) = (Pipe(), FileHandle(forWritingAtPath: "/dev/null"))
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus != 0 { throw Failure(description: "openssl \(arguments.joined(separator: " ")): \(text)") }
    return text
  }

  public func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
