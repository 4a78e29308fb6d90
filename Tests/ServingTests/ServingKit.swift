import HTTP
import HTTP2
import Memory
import Serving
import Synchronization
import SystemIO

/// Waits are bounded by this; nothing is expected to take so long.
let patience = Duration.seconds(20)

let anyPort = SocketAddress.loopback(port: 0)

/// A blocking socket that says what the test says, byte for byte.
final class RawClient {
  private let socket: Socket
  private let poller: Poller
  private var received: [UInt8] = []
  private(set) var isEnded = false
  private(set) var wasReset = false

  /// One that was accepted.
  init(adopting socket: consuming Socket) throws {
    self.socket = socket
    poller = try Poller()
    try poller.add(self.socket.descriptor, token: 0, .read)
  }

  init(to address: SocketAddress, receiveBuffer: Int32? = nil) throws {
    socket = try Socket.connect(to: address)
    if let receiveBuffer { try socket.setReceiveBuffer(bytes: receiveBuffer) }
    poller = try Poller()
    try poller.add(socket.descriptor, token: 0, .write)
    _ = poller.wait(milliseconds: 20_000)
    try poller.modify(socket.descriptor, token: 0, .read)
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      guard case .bytes(let count) = socket.send(bytes.span.extracting(sent...)) else { return }
      sent += count
    }
  }

  /// Sends all of it, however long the server takes. False when the connection broke first.
  func sendAll(_ bytes: [UInt8]) -> Bool {
    defer { try? poller.modify(socket.descriptor, token: 0, .read) }
    try? poller.modify(socket.descriptor, token: 0, .write)
    var sent = 0
    let end = Instant.now() + patience
    while sent < bytes.count, Instant.now() < end {
      switch socket.send(bytes.span.extracting(sent...)) {
      case .bytes(let count): sent += count
      case .wouldBlock: _ = poller.wait(milliseconds: 200)
      case .endOfFile, .failed: return false
      }
    }
    return sent == bytes.count
  }

  func shutdownWrite() { socket.shutdownWrite() }

  /// Reads until `isEnough` of what came, the end of the connection, or patience runs out.
  @discardableResult
  func read(until isEnough: ([UInt8]) -> Bool = { _ in false }) -> [UInt8] {
    let end = Instant.now() + patience
    var buffer = ByteBuffer()
    while !isEnough(received) && !isEnded && Instant.now() < end {
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes(let count):
        for index in 0..<count { received.append(buffer.span[index]) }
        buffer.removeAll()
      case .endOfFile: isEnded = true
      case .failed:
        isEnded = true
        wasReset = true
      case .wouldBlock: _ = poller.wait(milliseconds: 200)
      }
    }
    return received
  }

  func readText(until end: String) -> String {
    let wanted = Array(end.utf8)
    return String(decoding: read { $0.contains(wanted) }, as: UTF8.self)
  }

  func readAll() -> String { String(decoding: read(), as: UTF8.self) }
}

/// A server on a loop of its own, stopped with the object.
final class RunningServer: Sendable {
  let address: SocketAddress
  let counters: ServingCounters
  let server: Confined<HTTPServer>
  private let executor: LoopExecutor

  init(_ limits: ServingLimits = .rest, handler: any RequestHandler) throws {
    let (executor, parts) = try ServiceLoop.start(name: "test-server") { loop in
      let server = try HTTPServer(loop: loop, address: anyPort, limits: limits, handler: handler)
      return (server.localAddress, server.counters, loop.confine(server))
    }
    self.executor = executor
    (address, counters, server) = parts
  }

  deinit { executor.stop() }
}

/// Holds things that threads put into it, for a test to wait for.
final class Collected<Element: Sendable>: Sendable {
  private let items = Mutex<[Element]>([])

  func add(_ item: Element) { items.withLock { $0.append(item) } }
  var all: [Element] { items.withLock { $0 } }

  /// Waits until `isEnough`; what there was then.
  @discardableResult
  func wait(until isEnough: ([Element]) -> Bool) -> [Element] {
    waitFor { isEnough(all) }
    return all
  }
}

/// Polls until true or patience runs out.
@discardableResult
func waitFor(_ condition: () -> Bool) -> Bool {
  let end = Instant.now() + patience
  guard let poller = try? Poller() else { return condition() }
  while !condition() {
    if Instant.now() >= end { return false }
    _ = poller.wait(milliseconds: 2)
  }
  return true
}

extension Confined {
  /// Does `body` while the loop's thread stands still. What callers send meanwhile is there when the loop looks, however slow the
  /// machine: no clock of the server begins before.
  func whileHeld<Result>(_ body: () throws -> Result) rethrows -> Result {
    let (stands, goesOn) = (Collected<Bool>(), Collected<Bool>())
    execute { _ in
      stands.add(true)
      goesOn.wait { !$0.isEmpty }
    }
    defer { goesOn.add(true) }
    stands.wait { !$0.isEmpty }
    return try body()
  }
}

/// Answers with what it was asked, so that tests see what a handler sees.
let echo = DirectHandler { request in
  HTTPResponse(
    status: 200, headers: ["content-type": "text/plain", "x-method": request.method],
    bytes: Array("\(request.method) \(request.target) \(request.headers["host"] ?? "-") ".utf8) + request.body)
}

/// Answers from a thread of its own, in whatever order the threads run. (Tests block the threads that Swift's tasks run on, so a
/// handler of tasks could wait for ever here.)
struct ThreadHandler: RequestHandler {
  let body: @Sendable (HTTPRequest) -> HTTPResponse

  init(_ body: @escaping @Sendable (HTTPRequest) -> HTTPResponse) { self.body = body }

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let body = body
    startThread(name: "handler") { respond.respond(body(request)) }
  }
}

struct NoAddress: Error {}

/// Where a listening socket listens.
func address(of listener: borrowing Socket) throws -> SocketAddress {
  guard let address = listener.localAddress() else { throw NoAddress() }
  return address
}
