import Foundation
import SystemIO

/// A real name server, Debian's dnsmasq, on a port of its own. It knows what the test wrote and nothing else.
public final class Dnsmasq {
  private static let program = "/usr/sbin/dnsmasq"
  public static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }

  private let folder: String
  private var process: Process?
  private var options = ""
  public let address: SocketAddress

  public init() throws {
    folder = NSTemporaryDirectory() + "heddle-dnsmasq-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    address = try Self.freePort()
    try hosts("")
  }

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
    if process != nil { try start(options) }
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
      pid-file=
      \(options)

      """)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = ["--keep-in-foreground", "--conf-file=\(folder)/conf"]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    self.process = process
  }

  public func stop() {
    guard let process else { return }
    // SIGTERM may be blocked in this process, and a child inherits that.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  /// A port that nobody listens on just now.
  private static func freePort() throws -> SocketAddress {
    let socket = try Socket.listen(on: .loopback(port: 0), reusePort: false)
    guard let address = socket.localAddress() else { throw SystemError(code: EINVAL, call: "getsockname") }
    return address
  }
}
