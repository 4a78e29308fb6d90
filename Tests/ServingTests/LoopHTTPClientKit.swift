import Memory
import Serving
import Synchronization
import SystemIO

/// A client on a loop of its own, with what it told.
final class RunningClient: Sendable {
  let executor: LoopExecutor
  private let resolver: LoopExecutor
  private let client: Confined<LoopHTTPClient>

  init(
    _ limits: LoopHTTPClient.Limits = LoopHTTPClient.Limits(),
    security: @escaping @Sendable () -> ClientSecurity = { .standard() }
  ) throws {
    let (resolver, _) = try ServiceLoop.start(name: "test-resolver") { _ in () }
    self.resolver = resolver
    (executor, client) = try ServiceLoop.start(name: "test-client") { loop in
      loop.confine(try LoopHTTPClient(loop: loop, resolver: resolver, limits: limits, security: security()))
    }
  }

  deinit {
    executor.stop()
    resolver.stop()
  }

  /// Sends and waits for the whole answer; nil when none came in time.
  func send(
    _ method: String = "GET", _ target: String = "/", at origin: HTTPOrigin, headers: HeaderList = HeaderList(),
    body: [UInt8] = [], times: HTTPTimes = HTTPTimes(total: .seconds(20)), watchedBy watch: WeakCall? = nil
  ) -> Result<HTTPResponse, HTTPClientError>? {
    let results = Collected<Result<HTTPResponse, HTTPClientError>>()
    client.execute { client in
      let call = client.send(method, target, at: origin, headers: headers, body: body, times: times) { results.add($0) }
      watch?.set(call)
    }
    return results.wait { !$0.isEmpty }.first
  }

  /// Begins a stream; what it tells comes into the collection as text: `head 200`, the bytes, `ended`, `failed …`.
  func stream(_ target: String, at origin: HTTPOrigin, times: HTTPTimes = HTTPTimes(), cancelAfter bytes: Int = .max)
    -> Collected<String>
  {
    let told = Collected<String>()
    client.execute { client in
      let box = CallBox()
      var count = 0
      box.call = client.stream("GET", target, at: origin, times: times) { event in
        switch event {
        case .head(let head): told.add("head \(head.status)")
        case .bytes(let piece):
          told.add(String(decoding: piece, as: UTF8.self))
          count += piece.count
          if count >= bytes { box.call?.cancel() }
        case .ended: told.add("ended")
        case .failed(let error): told.add("failed \(error)")
        }
      }
    }
    return told
  }

  /// Calls under way and connections, as the client counts them.
  func counts() -> (calls: Int, connections: Int) {
    let found = Collected<(Int, Int)>()
    client.execute { found.add(($0.callCount, $0.connectionCount)) }
    return found.wait { !$0.isEmpty }[0]
  }
}

/// Tells whether a call is still in memory.
final class WeakCall: Sendable {
  private struct Box: @unchecked Sendable { weak var call: HTTPCall? }
  private let box = Mutex(Box())

  func set(_ call: HTTPCall) {
    let new = Box(call: call)
    box.withLock { $0 = new }
  }

  var isGone: Bool { box.withLock { $0.call == nil } }
}

private final class CallBox { var call: HTTPCall? }

/// A server that does to each connection what the test says, one after the other, on a thread of its own.
final class ScriptedServer: Sendable {
  let address: SocketAddress
  let accepted = Collected<Int>()
  private let isOver = Atomic<Bool>(false)

  var origin: HTTPOrigin { HTTPOrigin(host: "127.0.0.1", port: address.port) }

  init(_ script: @escaping @Sendable (Int, borrowing Socket) -> Void) throws {
    let listener = try Socket.listen(on: anyPort)
    address = try ServingTests.address(of: listener)
    run(listener, script)
  }

  private func run(_ listener: consuming Socket, _ script: @escaping @Sendable (Int, borrowing Socket) -> Void) {
    let box = SocketBox(listener)
    startThread(name: "scripted") { [weak self] in
      var number = 0
      while let self, !self.isOver.load(ordering: .relaxed) {
        waitBriefly(reading: box.socket)
        if case .connection(let socket, _) = box.socket.accept() {
          self.accepted.add(number)
          script(number, socket)
          number += 1
        }
      }
    }
  }

  deinit { isOver.store(true, ordering: .relaxed) }
}

private final class SocketBox: Sendable {
  let socket: Socket
  init(_ socket: consuming Socket) { self.socket = socket }
}

private func waitBriefly(reading socket: borrowing Socket) {
  guard let poller = try? Poller() else { return }
  try? poller.add(socket.descriptor, token: 0, .read)
  _ = poller.wait(milliseconds: 50)
}

/// Says the bytes; gives up when nobody takes them.
func say(_ text: String, _ socket: borrowing Socket) {
  let bytes = Array(text.utf8)
  var sent = 0
  waitFor {
    switch socket.send(bytes.span.extracting(sent...)) {
    case .bytes(let count): sent += count
    case .wouldBlock: break
    case .endOfFile, .failed: return true
    }
    return sent == bytes.count
  }
}

/// Reads until the text has come, or the peer closed.
@discardableResult
func hear(_ end: String, _ socket: borrowing Socket) -> String {
  var buffer = ByteBuffer()
  var heard: [UInt8] = []
  waitFor {
    switch socket.receive(into: &buffer, atMost: 65_536) {
    case .bytes(let count):
      for index in 0..<count { heard.append(buffer.span[index]) }
      buffer.removeAll()
    case .wouldBlock: break
    case .endOfFile, .failed: return true
    }
    return String(decoding: heard, as: UTF8.self).hasSuffix(end)
  }
  return String(decoding: heard, as: UTF8.self)
}
