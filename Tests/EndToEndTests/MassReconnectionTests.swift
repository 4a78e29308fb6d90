import Foundation
import SystemIO
import Testing

/// Item 113: a crowd of proxies comes at once, with nothing in hand, and again when the controller was killed. Everyone is synced,
/// and the controller's memory stays within what so many may cost.
@Suite(.serialized) struct MassReconnectionTests {
  private static let rules = 300
  /// As many as the machine's descriptors allow, at most 1000: each costs one here and one in the controller.
  private static let proxies = min(1000, raiseDescriptorLimit() / 2 - 200)
  /// What one connected proxy may cost the controller: stream, session, ledger; queues are empty once it is synced.
  private static let bytesEach = 100 << 10

  @Test func aCrowdIsSyncedWithinBoundedMemory() throws {
    let mesh = try Mesh()
    let entries = (0..<Self.rules).map { #"{"prefix": "/svc/s\#($0)", "destination": "/#/registry/s\#($0)"}"# }
    let put = try curl(
      "-X", "PUT", mesh.url("/namespaces/default/dtab"), body: #"{"dtab": [\#(entries.joined(separator: ","))]}"#)
    #expect(put.status == 200, "\(put)")
    let idle = try mesh.controller.memory("VmRSS")
    let swarm = try RunningProgram(
      "heddle-swarm", ["--mesh", mesh.mesh, "--proxies", "\(Self.proxies)", "--timeout", "50", "--stay", "600"])
    try everyoneIsSynced(mesh, "the crowd")
    try expectBounded(mesh, idle)

    // Killed: all lose their stream at once and come back within the reconnection's jitter.
    mesh.killController()
    try mesh.restartController()
    try everyoneIsSynced(mesh, "the crowd, again")
    try expectBounded(mesh, idle)
    // They held what is current: nobody was sent it again.
    let metrics = try curl("http://\(mesh.rest)/metrics").body
    #expect(metrics.contains("heddle_push_bytes_total{kind=\"snapshot\"} 0\n"))
    #expect(metrics.contains("heddle_mesh_streams_closed_total{reason=\"slow_reader\"} 0\n"))
    #expect(swarm.isRunning, "\(swarm.text)")
  }

  private func everyoneIsSynced(_ mesh: Mesh, _ who: String) throws {
    try eventually("\(who) is synced") {
      let metrics = try curl("http://\(mesh.rest)/metrics").body
      return metrics.contains("heddle_proxies{state=\"synced\"} \(Self.proxies)\n") ? () : nil
    }
  }

  private func expectBounded(_ mesh: Mesh, _ idle: Int) throws {
    let peak = try mesh.controller.memory("VmHWM")
    let most = 2 * idle + Self.proxies * Self.bytesEach
    #expect(peak <= most, "\(peak >> 20) MB at the most with \(Self.proxies) proxies; \(idle >> 20) MB without")
  }
}
