import Foundation
import SystemIO

/// A real name server, Debian's dnsmasq, on a port of its own. It knows what the test wrote and nothing else.
public final class Dnsmasq {
  private static let program = "/usr/sbin/dnsmasq"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  private let folder: String
  private var daemon: Int32?
  private var options = ""
  public let address: SocketAddress

  public init() throws {
    folder = NSTemporaryDirectory() + "heddle-dnsmasq-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    address = try Self.freePort()
    try hosts("")
  }

  private var pidFile: String { folder + "/pid" }

  deinit {
    stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func write(_ name: String, _ text: String) throws {
    try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
  }

  /// What it says of hosts: lines of hosts(5). A running server starts anew: a child of this process may have SIGHUP blocked.
  public func hosts(_ lines: String) throws {
    try write("hosts", lines)
    if daemon != nil { try start(options) }
  }

  /// Starts it, anew if it runs.
  /// - Parameter options: lines of dnsmasq.conf.
  public func start(_ options: String = "") throws {
    stop()
    self.options = options
    try write(
      "conf",
      """
      port=\(address.port)
      listen-address=127.0.0.1
      bind-interfaces
      no-resolv
      no-hosts
      no-poll
      user=\(NSUserName())
      addn-hosts=\(folder)/hosts
      local=/test/
      local-ttl=1
      pid-file=\(pidFile)
      \(options)

      """)
    // It closes every descriptor it was born with, Foundation's for noticing its end among them: as a daemon it is nobody's
    // child, and the process that begins it ends once it listens.
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = ["--conf-file=\(folder)/conf"]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    let text = (try? String(contentsOfFile: pidFile, encoding: .utf8)) ?? ""
    guard process.terminationStatus == 0, let pid = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw StartFailure(status: process.terminationStatus)
    }
    daemon = pid
  }

  private struct StartFailure: Error, CustomStringConvertible {
    let status: Int32
    var description: String { "dnsmasq did not start: exit code \(status)" }
  }

  public func stop() {
    guard let pid = daemon else { return }
    daemon = nil
    kill(pid, SIGKILL)
    try? FileManager.default.removeItem(atPath: pidFile)
    // Its port is free once it is gone, or waits for its parent to take notice.
    while let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), !stat.contains(") Z ") { usleep(1000) }
  }

  /// A port that nobody listens on just now.
  private static func freePort() throws -> SocketAddress {
    let socket = try Socket.listen(on: .loopback(port: 0), reusePort: false)
    guard let address = socket.localAddress() else { throw SystemError(code: EINVAL, call: "getsockname") }
    return address
  }
}
