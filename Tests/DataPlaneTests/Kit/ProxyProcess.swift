import Foundation
import Serving
import Synchronization
import SystemIO

@testable import DataPlane

/// The proxy as a process of its own, on free ports; ended with the object. For what a process shows of itself, such as its memory.
final class ProxyProcess: Sendable {
  let outbound: SocketAddress
  private let adminAddress: SocketAddress
  private let process: Mutex<Process>
  private let pid: Int32

  /// The program that was built beside the tests, or the one that `HEDDLE_PROXY` names: figures are of optimised builds.
  private static var program: URL {
    if let path = ProcessInfo.processInfo.environment["HEDDLE_PROXY"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("heddle-proxy")
  }

  /// `state`: where it keeps its state file, if anywhere.
  init(mesh port: UInt16, state: String? = nil) throws {
    let process = Process()
    process.executableURL = Self.program
    let options = [
      "--mesh", "127.0.0.1:\(port)", "--outbound", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--workers", "1", "--log-format", "text",
    ]
    process.arguments = options + (state.map { ["--state", $0] } ?? [])
    let pipe = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    pid = process.processIdentifier
    self.process = Mutex(process)
    let text = Mutex("")
    pipe.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil }
      text.withLock { $0 += String(decoding: data, as: UTF8.self) }
    }
    var found: [String: SocketAddress] = [:]
    _ = eventually(within: 60) {
      let ready = text.withLock { $0 }.split(separator: "\n").first { $0.contains("ready ") }?.split(separator: " ") ?? []
      for word in ready {
        let halves = word.split(separator: "=").map(String.init)
        if halves.count == 2, let address = SocketAddress(halves[1]) { found[halves[0]] = address }
      }
      return found["outbound"] != nil && found["admin"] != nil
    }
    guard let outbound = found["outbound"], let admin = found["admin"] else {
      process.terminate()
      throw StartFailure(description: "the proxy did not start: \(text.withLock { $0 })")
    }
    (self.outbound, adminAddress) = (outbound, admin)
  }

  deinit { kill(pid, SIGKILL) }

  func admin(_ target: String) throws -> String {
    try HTTPClient(address: adminAddress, timeout: .seconds(60)).send("GET", target).text ?? ""
  }

  /// From now on `VmHWM` is the most since now.
  func forgetPeak() throws { try "5".write(toFile: "/proc/\(pid)/clear_refs", atomically: false, encoding: .ascii) }

  /// Bytes, by the name of a line of /proc/PID/status.
  func memory(_ name: String) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
    guard let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }) else {
      throw StartFailure(description: "no \(name) in \(status)")
    }
    return kilobytes << 10
  }
}
