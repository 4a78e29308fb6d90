import Foundation
import Memory
import SystemIO

@testable import Discovery

/// A real ZooKeeper, Debian's libzookeeper-java, on loopback with its data in a directory of its own.
final class RunningZooKeeper {
  static let java = "/usr/bin/java"
  static let archive = "/usr/share/java/zookeeper.jar"

  struct Missing: Error, CustomStringConvertible {
    let description = "ZooKeeper is not installed: make test-needs"
  }

  let port: UInt16
  private let folder: Folder
  private var process: Process?

  /// - Throws: `Missing` when the package is not there: what is not tested does not pass.
  init() throws {
    guard [Self.java, Self.archive].allSatisfy({ FileManager.default.fileExists(atPath: $0) }) else { throw Missing() }
    folder = try Folder()
    let socket = try Socket.listen(on: .loopback(port: 0), reusePort: false)
    port = socket.localAddress()?.port ?? 0
    try folder.write(
      "zoo.cfg",
      """
      tickTime=200
      minSessionTimeout=400
      maxSessionTimeout=60000
      dataDir=\(folder.path)/data
      clientPort=\(port)
      clientPortAddress=127.0.0.1
      admin.enableServer=false
      forceSync=no

      """)
  }

  deinit { kill() }

  /// Starts it and waits until it gives sessions.
  func start() throws {
    let process = Process()
    process.executableURL = URL(filePath: Self.java)
    process.arguments = [
      "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", "\(Self.archive):/usr/share/java/slf4j-nop.jar",
      "org.apache.zookeeper.server.ZooKeeperServerMain", "\(folder.path)/zoo.cfg",
    ]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
    let end = Instant.now() + patience
    // A server that is starting may take a connection and never answer on it.
    while (try? ZooKeeperWriter(port, within: .milliseconds(500))) == nil {
      guard Instant.now() < end, process.isRunning else { throw NotStarted() }
      Thread.sleep(forTimeInterval: 0.02)
    }
  }

  struct NotStarted: Error {}

  static func started() throws -> RunningZooKeeper {
    let server = try RunningZooKeeper()
    try server.start()
    return server
  }

  func kill() {
    guard let process else { return }
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  /// Forgets everything.
  func wipe() throws { try FileManager.default.removeItem(atPath: "\(folder.path)/data") }
}

/// A client that writes: each call waits for its answer. Its ephemeral nodes go when it does.
final class ZooKeeperWriter {
  struct Refused: Error { let code: Int32 }
  struct Lost: Error {}

  let identity: ZooKeeperIdentity
  private let socket: Socket
  private var frames = ZooKeeperFrames()
  private var lastXid: Int32 = 0

  /// - Parameters:
  ///   - identity: of a session to take over.
  ///   - limit: for the server's greeting.
  init(_ port: UInt16, as identity: ZooKeeperIdentity = ZooKeeperIdentity(), within limit: Duration = patience) throws {
    socket = try Socket.connect(to: .loopback(port: port))
    try Self.send(ZooKeeperFrame.connect(identity, seen: 0, timeoutMilliseconds: 30_000), socket)
    let response = try ConnectResponse(try Self.receive(&frames, socket, within: limit))
    guard response.timeout > 0 else { throw Lost() }
    self.identity = response.identity
  }

  private static func send(_ bytes: [UInt8], _ socket: borrowing Socket) throws {
    let end = Instant.now() + patience
    var rest = ByteBuffer()
    rest.append(bytes)
    while !rest.isEmpty {
      switch socket.send(rest) {
      case .bytes(let count): rest.removeFirst(count)
      // Also while it is being connected.
      case .wouldBlock: try pause(until: end)
      case .endOfFile, .failed: throw Lost()
      }
    }
  }

  private static func receive(
    _ frames: inout ZooKeeperFrames, _ socket: borrowing Socket, within limit: Duration = patience
  ) throws -> [UInt8] {
    let end = Instant.now() + limit
    while true {
      switch frames.next() {
      case .frame(let frame): return frame
      case .oversized, .fault: throw Lost()
      case .needMore: break
      }
      var input = ByteBuffer()
      switch socket.receive(into: &input, atMost: 4096) {
      case .bytes(let count): frames.append((0..<count).map { input.span[$0] })
      case .wouldBlock: try pause(until: end)
      case .endOfFile, .failed: throw Lost()
      }
    }
  }

  private static func pause(until end: Instant) throws {
    guard Instant.now() < end else { throw Lost() }
    Thread.sleep(forTimeInterval: 0.001)
  }

  private func ask(_ operation: Int32, xid: Int32? = nil, _ body: (inout JuteWriter) -> Void) throws {
    lastXid += 1
    let number = xid ?? lastXid
    let frame = JuteWriter.frame { writer in
      writer.int(number)
      writer.int(operation)
      body(&writer)
    }
    try Self.send(frame, socket)
    while true {
      var reader = JuteReader(try Self.receive(&frames, socket))
      let header = try ReplyHeader(&reader)
      guard header.xid == number else { continue }
      if header.error != 0 { throw Refused(code: header.error) }
      return
    }
  }

  /// - Parameter isOwn: only who gave the same credentials may read it.
  func create(_ path: String, _ value: String = "", isEphemeral: Bool = false, isOwn: Bool = false) throws {
    try ask(1) { writer in
      writer.text(path)
      writer.text(value)
      writer.int(1)
      writer.int(31)
      writer.text(isOwn ? "auth" : "world")
      writer.text(isOwn ? "" : "anyone")
      writer.int(isEphemeral ? 1 : 0)
    }
  }

  /// A node and all above it that are missing.
  func createAll(_ path: String) throws {
    var whole = ""
    for part in path.split(separator: "/") {
      whole += "/\(part)"
      do { try create(whole) } catch let refused as Refused where refused.code == -110 {}
    }
  }

  func set(_ path: String, _ value: String) throws {
    try ask(5) { writer in
      writer.text(path)
      writer.text(value)
      writer.int(-1)
    }
  }

  func delete(_ path: String) throws {
    try ask(2) { writer in
      writer.text(path)
      writer.int(-1)
    }
  }

  func authenticate(_ credentials: String) throws {
    try ask(100, xid: ReplyHeader.auth) { writer in
      writer.int(0)
      writer.text("digest")
      writer.text(credentials)
    }
  }

  /// Ends the session in the server.
  func close() throws { try ask(-11) { _ in } }
}
