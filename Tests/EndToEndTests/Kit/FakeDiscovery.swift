import Foundation

/// Kubernetes' API or Consul's agent as a process of its own: `fake_discovery.py`, which knows nothing of us.
final class FakeDiscovery {
  private let program: RunningProgram
  let address: String

  init() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("fake_discovery.py").path
    program = try RunningProgram("/usr/bin/python3", [script])
    address = try program.address("listen")
  }

  /// From now on it lists these for the service `web`, and tells those who watch.
  func list(_ endpoints: [String]) throws {
    let answer = try curl(
      "-X", "PUT", "http://\(address)/endpoints", "--data-binary", endpoints.joined(separator: " "))
    guard answer.status == 200 else { throw NeverHappened(description: "list: \(answer)") }
  }

  /// Ends it as a power cut would.
  func kill() throws {
    program.kill()
    _ = try program.exitCode()
  }
}
