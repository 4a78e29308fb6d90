import Memory
import Serving
import SystemIO

/// One TCP connection to a ZooKeeper server. Belongs to the discovery thread.
final class ZooKeeperLink {
  enum News {
    case open
    case bytes([UInt8])
    /// Nothing follows.
    case closed(String)
  }

  /// Bytes read in one go. Why: others on this loop have their turn too.
  static let portion = 64 << 10

  private let socket: Socket
  private let address: SocketAddress
  private(set) var isOpen = false
  private var output = ByteBuffer()
  private var interest = Interest.write
  private var watch: DescriptorWatch?
  private var tell: ((News) -> Void)?

  /// - Parameter tell: never called from within this, nor after `end`.
  init(_ loop: ServiceLoop, _ address: SocketAddress, _ tell: @escaping (News) -> Void) throws {
    socket = try Socket.connect(to: address)
    self.address = address
    self.tell = tell
    watch = try loop.watch(socket.descriptor, interest) { [weak self] in self?.ready($0) }
  }

  /// Keeps bytes for the next `flush`: many small frames go out as one.
  func send(_ bytes: [UInt8]) { output.append(bytes) }

  /// Sends what is kept, as far as the kernel takes it now, and the rest when it does.
  func flush() {
    guard isOpen, !output.isEmpty else { return }
    // What fails here is told by the next read.
    if case .bytes(let count) = socket.send(output) { output.removeFirst(count) }
    watch(for: output.isEmpty ? .read : [.read, .write])
  }

  func end() {
    tell = nil
    watch?.end()
    watch = nil
  }

  private func ready(_ readiness: Readiness) {
    if !isOpen {
      let code = socket.connectError()
      guard code == 0 else { return fail(systemMessage(code)) }
      isOpen = true
      watch(for: .read)
      return tell?(.open) ?? ()
    }
    if readiness.contains(.writable) { flush() }
    if !readiness.isDisjoint(with: [.readable, .hangup, .error]) { read() }
  }

  private func read() {
    var input = ByteBuffer()
    switch socket.receive(into: &input, atMost: Self.portion) {
    case .bytes(let count):
      var piece: [UInt8] = []
      piece.reserveCapacity(count)
      for index in 0..<count { piece.append(input.span[index]) }
      tell?(.bytes(piece))
    case .wouldBlock: break
    case .endOfFile: fail("closed by the server")
    case .failed(let code): fail(systemMessage(code))
    }
  }

  private func watch(for interest: Interest) {
    guard interest != self.interest else { return }
    self.interest = interest
    do { try watch?.change(interest) } catch { fail("\(error)") }
  }

  private func fail(_ reason: String) {
    let tell = tell
    end()
    tell?(.closed("\(address): \(reason)"))
  }
}
