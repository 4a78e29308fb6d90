import Memory
import Serving
import Synchronization
import SystemIO

/// Stands between a namer and its source, and breaks what the source answers as networks and dying servers do: on the level of bytes.
final class FaultyLink: Sendable {
  enum Fault: Sendable, CustomStringConvertible {
    case none
    /// Connections are accepted, and nothing is ever said.
    case silent
    /// Answers come a byte at a time.
    case dripping
    /// Half of what the source says first comes, then the connection closes.
    case cut
    /// These bytes come instead of the source's, then the connection closes.
    case saying(String)

    var description: String {
      switch self {
      case .none: "none"
      case .silent: "silent"
      case .dripping: "dripping"
      case .cut: "cut"
      case .saying(let text): "saying \(text.prefix(70))"
      }
    }
  }

  private struct State {
    var fault = Fault.none
    /// Connections of earlier generations close.
    var generation = 0
    var accepted = 0
    var isOver = false
  }

  let address: SocketAddress
  private let source: SocketAddress
  private let state = Mutex(State())

  var url: String { "http://\(address)" }
  /// Connections accepted since the fault began.
  var accepted: Int { state.withLock { $0.accepted } }

  convenience init(to source: SocketAddress) throws {
    let listener = try Socket.listen(on: .loopback(port: 0))
    let address = listener.localAddress() ?? .loopback(port: 0)
    self.init(to: source, at: address, listener)
  }

  /// - Parameter file: the path of a socket.
  convenience init(to source: SocketAddress, listeningAt file: String) throws {
    self.init(to: source, at: .loopback(port: 0), try Socket.listen(atPath: file))
  }

  private init(to source: SocketAddress, at address: SocketAddress, _ listener: consuming Socket) {
    self.source = source
    self.address = address
    let listener = Kept(listener)
    startThread(name: "faulty-link") { [self] in
      while !state.withLock({ $0.isOver }) {
        if case .connection(let socket, _) = listener.socket.accept() { begin(socket) } else { pause() }
      }
    }
  }

  /// Ends its threads, which keep it.
  func end() { state.withLock { $0.isOver = true } }

  /// From now on; connections that stand are closed, as by a restart.
  func set(_ fault: Fault) {
    state.withLock { state in
      state.fault = fault
      state.generation += 1
      state.accepted = 0
    }
  }

  // MARK: Connections

  private func begin(_ socket: consuming Socket) {
    let (fault, generation) = state.withLock { state in
      state.accepted += 1
      return (state.fault, state.generation)
    }
    let caller = Kept(socket)
    startThread(name: "faulty-link") { [self] in
      switch fault {
      case .none: relay(caller.socket, generation) { push($0, to: $1) }
      case .dripping: relay(caller.socket, generation) { drip($0, to: $1) }
      case .cut: relay(caller.socket, generation) { cut($0, to: $1) }
      case .silent: while isCurrent(generation), hear(caller.socket) != nil { pause() }
      case .saying(let text): say(text, to: caller.socket, generation)
      }
    }
  }

  private func isCurrent(_ generation: Int) -> Bool {
    state.withLock { $0.generation == generation && !$0.isOver }
  }

  /// - Parameter answer: carries what the source says; false ends the connection.
  private func relay(
    _ caller: borrowing Socket, _ generation: Int, _ answer: (consuming ByteBuffer, borrowing Socket) -> Bool
  ) {
    guard let server = try? Socket.connect(to: source) else { return }
    while isCurrent(generation) {
      guard let asked = hear(caller), push(asked, to: server) else { return }
      // Asked after it was heard: what the source says from `set` on goes nowhere.
      guard let answered = hear(server), isCurrent(generation), answer(answered, caller) else { return }
      pause()
    }
  }

  private func say(_ text: String, to caller: borrowing Socket, _ generation: Int) {
    while isCurrent(generation), let asked = hear(caller) {
      if asked.isEmpty {
        pause()
        continue
      }
      var answer = ByteBuffer()
      answer.append(text)
      _ = push(answer, to: caller)
      return
    }
  }
}

private final class Kept: Sendable {
  let socket: Socket
  init(_ socket: consuming Socket) { self.socket = socket }
}

private func pause() {
  guard let poller = try? Poller() else { return }
  _ = poller.wait(milliseconds: 1)
}

/// What has come, perhaps nothing; nil at the end.
private func hear(_ socket: borrowing Socket) -> ByteBuffer? {
  var buffer = ByteBuffer()
  switch socket.receive(into: &buffer, atMost: 65_536) {
  case .bytes, .wouldBlock: return buffer
  case .endOfFile, .failed: return nil
  }
}

private func push(_ bytes: consuming ByteBuffer, to socket: borrowing Socket) -> Bool {
  while !bytes.isEmpty {
    switch socket.send(bytes) {
    case .bytes(let count): bytes.removeFirst(count)
    case .wouldBlock: pause()
    case .endOfFile, .failed: return false
    }
  }
  return true
}

private func drip(_ bytes: consuming ByteBuffer, to socket: borrowing Socket) -> Bool {
  while !bytes.isEmpty {
    switch socket.send(bytes.span.extracting(0..<1)) {
    case .bytes(let count):
      bytes.removeFirst(count)
      if bytes.count % 4 == 0 { pause() }
    case .wouldBlock: pause()
    case .endOfFile, .failed: return false
    }
  }
  return true
}

private func cut(_ bytes: consuming ByteBuffer, to socket: borrowing Socket) -> Bool {
  if bytes.isEmpty { return true }
  bytes.removeLast((bytes.count + 1) / 2)
  _ = push(bytes, to: socket)
  return false
}
