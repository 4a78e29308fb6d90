import Synchronization
import SystemIO

/// A service of the test's own: each connection runs the script in a thread, and every request text that a script reads through
/// `exchange` is kept.
final class ScriptedServer: Sendable {
  let port: UInt16
  private let seen = Mutex<[String]>([])
  private let accepted = Mutex<Int>(0)
  private let closing = Mutex<Bool>(false)
  private let released = Mutex<Bool>(false)

  /// - Parameter script: gets each connection in turn with its number from 0; the connection closes when it returns.
  init(_ script: @escaping @Sendable (RawConnection, ScriptedServer, Int) throws -> Void) throws {
    let listener = try Socket.listen(on: SocketAddress(host: "127.0.0.1", port: 0)!)
    port = listener.localAddress()!.port
    let held = Mutex<Socket?>(consume listener)
    startThread(name: "scripted") { [self] in
      var taken: Socket? = nil
      held.withLock { swap(&taken, &$0) }
      guard let listener = consume taken, let poller = try? Poller() else { return }
      guard (try? poller.add(listener.descriptor, token: 1, [.read])) != nil else { return }
      while !closing.withLock({ $0 }) {
        _ = poller.wait(milliseconds: 50)
        guard case .connection(let socket, _) = listener.accept() else { continue }
        serve(socket, script)
      }
    }
  }

  private func serve(
    _ socket: consuming Socket, _ script: @escaping @Sendable (RawConnection, ScriptedServer, Int) throws -> Void
  ) {
    let number = accepted.withLock { count in
      count += 1
      return count - 1
    }
    let held = Mutex<Socket?>(consume socket)
    startThread(name: "scripted-\(number)") { [self] in
      var taken: Socket? = nil
      held.withLock { swap(&taken, &$0) }
      guard let socket = consume taken else { return }
      try? script(RawConnection(adopting: socket), self, number)
    }
  }

  /// A service that answers every request on a connection alike.
  static func answering(_ answer: String) throws -> ScriptedServer {
    try ScriptedServer { connection, server, _ in
      while try !server.readRequest(connection).isEmpty { try connection.send(answer) }
    }
  }

  /// A service that answers every request with this text.
  static func saying(_ text: String) throws -> ScriptedServer {
    try answering("HTTP/1.1 200 OK\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
  }

  /// Reads one request and keeps its text; empty when the connection closed.
  func readRequest(_ connection: RawConnection) throws -> String {
    let text = try connection.readRequest()
    if !text.isEmpty { seen.withLock { $0.append(text) } }
    return text
  }

  /// Keeps a request that a script has read by itself.
  func keep(_ request: String) { seen.withLock { $0.append(request) } }

  /// The requests read so far.
  var requests: [String] { seen.withLock { $0 } }
  /// Connections accepted so far.
  var connections: Int { accepted.withLock { $0 } }

  /// For scripts that hold an answer back until the test lets it go.
  var isReleased: Bool { released.withLock { $0 } }
  /// Waits to be let go; many threads may, without taking the processor from the one that is to do it.
  func awaitRelease() throws {
    let poller = try Poller()
    for _ in 0..<2000 where !isReleased { _ = poller.wait(milliseconds: 10) }
  }
  func release() { released.withLock { $0 = true } }

  func close() { closing.withLock { $0 = true } }
}
