import Memory
import Serving
import SystemIO

/// What one attempt hears.
enum DNSNews {
  case message([UInt8])
  case broken(String)
}

/// A question on its way to one server.
protocol DNSAttempt: AnyObject {
  /// Lets go of the socket; nothing is told afterwards.
  func end()
}

/// Over UDP, on a socket and port of its own.
final class DatagramAttempt: DNSAttempt {
  private let socket: DatagramSocket
  private var watch: DescriptorWatch?
  private var tell: ((DNSNews) -> Void)?

  init(_ loop: ServiceLoop, _ server: SocketAddress, _ query: [UInt8], _ tell: @escaping (DNSNews) -> Void) throws {
    socket = try DatagramSocket(to: server)
    self.tell = tell
    watch = try loop.watch(socket.descriptor, .read) { [weak self] _ in self?.read(server) }
    do { try socket.send(query) } catch {
      watch?.end()
      throw error
    }
  }

  func end() {
    tell = nil
    watch?.end()
  }

  private func read(_ server: SocketAddress) {
    while let tell {
      switch socket.receive(limit: 65_535) {
      case .datagram(let bytes): tell(.message(bytes))
      case .wouldBlock: return
      case .failed(let code): return tell(.broken("\(server): \(systemMessage(code))"))
      }
    }
  }
}

/// Over TCP: each message has its length in two bytes before it (RFC 1035 §4.2.2).
final class StreamAttempt: DNSAttempt {
  private let socket: Socket
  private let server: SocketAddress
  private let query: [UInt8]
  private var sent = 0
  private var received: [UInt8] = []
  private var watch: DescriptorWatch?
  private var tell: ((DNSNews) -> Void)?

  init(_ loop: ServiceLoop, _ server: SocketAddress, _ query: [UInt8], _ tell: @escaping (DNSNews) -> Void) throws {
    socket = try Socket.connect(to: server)
    self.server = server
    self.query = [UInt8(truncatingIfNeeded: query.count >> 8), UInt8(truncatingIfNeeded: query.count)] + query
    self.tell = tell
    watch = try loop.watch(socket.descriptor, .write) { [weak self] _ in self?.advance() }
  }

  func end() {
    tell = nil
    watch?.end()
  }

  private func advance() {
    if sent < query.count { write() }
    if sent == query.count { read() }
  }

  private func write() {
    let code = socket.connectError()
    guard code == 0 else { return fail(systemMessage(code)) }
    let query = query
    switch socket.send(query.span.extracting(sent...)) {
    case .bytes(let count):
      sent += count
      if sent == query.count { try? watch?.change(.read) }
    case .wouldBlock: break
    case .endOfFile: fail("closed")
    case .failed(let code): fail(systemMessage(code))
    }
  }

  private func read() {
    var buffer = ByteBuffer()
    while tell != nil {
      switch socket.receive(into: &buffer, atMost: 16_384) {
      case .bytes(let count):
        for index in 0..<count { received.append(buffer.span[index]) }
        buffer.removeAll()
        if let message = message() { return tell?(.message(message)) ?? () }
      case .wouldBlock: return
      case .endOfFile: return fail("closed before its answer")
      case .failed(let code): return fail(systemMessage(code))
      }
    }
  }

  private func message() -> [UInt8]? {
    guard received.count >= 2 else { return nil }
    let length = Int(received[0]) << 8 | Int(received[1])
    return received.count >= 2 + length ? Array(received[2..<(2 + length)]) : nil
  }

  private func fail(_ reason: String) { tell?(.broken("\(server) over TCP: \(reason)")) }
}
