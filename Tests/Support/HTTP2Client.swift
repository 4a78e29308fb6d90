import HTTP2
import Memory
import SystemIO

/// A blocking HTTP/2 client in clear for tests, over our own session. Time limits here only end a test that would hang.
public final class HTTP2Client {
  public static let patience = Duration.seconds(20)

  public let session: HTTP2Session
  private let socket: Socket
  private let poller: Poller
  /// Bytes that go out after the frames of the session that wait now.
  private var raw: [UInt8] = []
  public private(set) var status: [Int32: String] = [:]
  public private(set) var heads: [Int32: HeaderList] = [:]
  /// 1xx answers, in order.
  public private(set) var interims: [Int32: [HeaderList]] = [:]
  public private(set) var bodies: [Int32: [UInt8]] = [:]
  public private(set) var trailers: [Int32: HeaderList] = [:]
  public private(set) var closed: [Int32: HTTP2ErrorCode] = [:]
  /// The last stream of each GOAWAY, and the codes.
  public private(set) var goAways: [Int32] = []
  public private(set) var goAwayCodes: [HTTP2ErrorCode] = []
  /// Whether credit is given for what came.
  public var consumes = true
  /// Streams for which no credit is given.
  public var unread: Set<Int32> = []
  public private(set) var isEnded = false

  public init(to address: SocketAddress, settings: HTTP2Settings = HTTP2Settings()) throws {
    session = HTTP2Session(role: .client, settings: settings)
    socket = try Socket.connect(to: address)
    poller = try Poller()
    try poller.add(socket.descriptor, token: 0, .read)
  }

  /// - Parameter staysOpen: more of the body may follow.
  public func request(
    _ method: String, _ path: String, authority: String = "test", headers: [(String, String)] = [], body: [UInt8]? = nil,
    staysOpen: Bool = false
  ) -> Int32 {
    let fields: [(String, String)] = [
      (":method", method), (":scheme", "http"), (":authority", authority), (":path", path),
    ]
    guard let stream = session.submitRequest(HeaderList(fields + headers), endStream: body == nil && !staysOpen) else { return -1 }
    if let body { session.send(stream, body, endStream: !staysOpen) }
    return stream
  }

  /// Puts bytes of the test's own on the wire, right after what the session has to say now.
  public func send(raw bytes: [UInt8]) { raw += bytes }

  public func text(_ stream: Int32) -> String { String(decoding: bodies[stream] ?? [], as: UTF8.self) }

  /// Whether the answer on a stream is over, one way or the other.
  public func isOver(_ stream: Int32) -> Bool { closed[stream] != nil }

  /// Exchanges bytes until the condition holds, the connection ends, or patience runs out.
  public func run(until condition: () -> Bool) {
    let end = Instant.now() + Self.patience
    var output = ByteBuffer()
    while !isEnded && Instant.now() < end {
      session.write(into: &output, limit: 1 << 20)
      output.append(raw.span)
      raw.removeAll()
      if case .bytes(let count) = socket.send(output) { output.removeFirst(count) }
      drain([])
      if condition() && output.isEmpty { return }
      receive()
    }
  }

  /// Gives credit for `count` bytes of a stream in `unread`.
  public func consume(_ stream: Int32, _ count: Int) { session.consume(stream, count) }

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
      case .response(let fields, _):
        status[event.stream] = fields[":status"]
        heads[event.stream] = fields
      case .informational(let fields): interims[event.stream, default: []].append(fields)
      case .data(let range):
        bodies[event.stream, default: []] += bytes[range]
        if consumes && !unread.contains(event.stream) { session.consume(event.stream, range.count) }
      case .trailers(let fields): trailers[event.stream] = fields
      case .closed(let code): closed[event.stream] = code
      case .goAway(let last, let code):
        goAways.append(last)
        goAwayCodes.append(code)
      default: break
      }
    }
  }
}
