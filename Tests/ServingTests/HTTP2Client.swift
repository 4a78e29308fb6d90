import HTTP2
import Memory
import SystemIO

/// A blocking HTTP/2 client in clear for tests, over our own session.
final class HTTP2Client {
  let session = HTTP2Session(role: .client)
  private let socket: Socket
  private let poller: Poller
  var status: [Int32: String] = [:]
  var bodies: [Int32: [UInt8]] = [:]
  var trailers: [Int32: HeaderList] = [:]
  var closed: [Int32: HTTP2ErrorCode] = [:]
  var goAways: [Int32] = []
  /// Whether credit is given for what came.
  var consumes = true
  private(set) var isEnded = false

  init(to address: SocketAddress) throws {
    socket = try Socket.connect(to: address)
    poller = try Poller()
    try poller.add(socket.descriptor, token: 0, .read)
  }

  /// - Parameter staysOpen: more of the body may follow.
  func request(
    _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil, staysOpen: Bool = false
  ) -> Int32 {
    let fields: [(String, String)] = [
      (":method", method), (":scheme", "http"), (":authority", "test"), (":path", path),
    ]
    guard let stream = session.submitRequest(HeaderList(fields + headers), endStream: body == nil && !staysOpen) else { return -1 }
    if let body { session.send(stream, body, endStream: true) }
    return stream
  }

  func text(_ stream: Int32) -> String { String(decoding: bodies[stream] ?? [], as: UTF8.self) }

  /// Exchanges bytes until the condition holds, the connection ends, or patience runs out.
  func run(until condition: () -> Bool) {
    let end = Instant.now() + patience
    var output = ByteBuffer()
    while !isEnded && Instant.now() < end {
      session.write(into: &output, limit: 1 << 20)
      if case .bytes(let count) = socket.send(output) { output.removeFirst(count) }
      drain([])
      if condition() && output.isEmpty { return }
      receive()
    }
  }

  private func receive() {
    var input = ByteBuffer()
    switch socket.receive(into: &input, atMost: 65_536) {
    case .bytes(let count):
      var bytes: [UInt8] = []
      for index in 0..<count { bytes.append(input.span[index]) }
      if session.receive(bytes.span, at: Instant.now().milliseconds) != nil { isEnded = true }
      drain(bytes)
    case .endOfFile, .failed: isEnded = true
    case .wouldBlock: _ = poller.wait(milliseconds: 5)
    }
  }

  private func drain(_ bytes: [UInt8]) {
    while let event = session.nextEvent() {
      switch event.kind {
      case .response(let fields, _): status[event.stream] = fields[":status"]
      case .data(let range):
        bodies[event.stream, default: []] += bytes[range]
        if consumes { session.consume(event.stream, range.count) }
      case .trailers(let fields): trailers[event.stream] = fields
      case .closed(let code): closed[event.stream] = code
      case .goAway(let last, _): goAways.append(last)
      default: break
      }
    }
  }
}
