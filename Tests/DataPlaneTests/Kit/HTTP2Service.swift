import HTTP2
import Memory
import Synchronization
import SystemIO

/// A service of the test's own that speaks HTTP/2, and answers as the test says.
final class HTTP2Service: Sendable {
  /// One request as the test sees it.
  struct Call {
    let session: HTTP2Session
    let stream: Int32
    let fields: HeaderList
    /// The connection's number, from 0.
    let connection: Int

    func answer(_ body: String, trailers: HeaderList? = nil) {
      session.submitResponse(stream, [":status": "200"], endStream: false)
      session.send(stream, Array(body.utf8), endStream: trailers == nil)
      if let trailers { session.submitTrailers(stream, trailers) }
    }
  }

  /// What becomes of the connection once what the session has to say was sent.
  enum Next { case goOn, close }

  private let server: ScriptedServer
  private let counts = Counts()
  var port: UInt16 { server.port }
  var connections: Int { server.connections }
  /// Bytes of bodies that came, over all connections.
  var bodyBytes: Int { counts.all }

  private final class Counts: Sendable {
    private let total = Mutex(0)
    var all: Int { total.withLock { $0 } }
    func add(_ count: Int) { total.withLock { $0 += count } }
  }

  /// - Parameters:
  ///   - reads: whether credit is given for bodies.
  ///   - atData: called with each part of a body.
  ///   - atEnd: called when a request is complete.
  init(
    settings: HTTP2Settings = HTTP2Settings(), reads: Bool = true,
    atHead: @escaping @Sendable (Call) -> Next = { _ in .goOn },
    atData: @escaping @Sendable (Call, [UInt8]) -> Void = { _, _ in }, atEnd: @escaping @Sendable (Call) -> Next = { _ in .goOn }
  ) throws {
    let counts = counts
    server = try ScriptedServer { connection, server, number in
      let session = HTTP2Session(role: .server, settings: settings)
      var heads: [Int32: HeaderList] = [:]
      while true {
        var output = ByteBuffer()
        session.write(into: &output, limit: 1 << 20)
        if !output.isEmpty { try connection.send(copy(output)) }
        guard let bytes = try connection.readBytes(patience: 20) else { return }
        _ = session.receive(bytes.span, at: Instant.now().milliseconds)
        var next = Next.goOn
        while let event = session.nextEvent() {
          switch event.kind {
          case .request(let fields, _):
            heads[event.stream] = fields
            next = atHead(Call(session: session, stream: event.stream, fields: fields, connection: number))
          case .data(let range):
            counts.add(range.count)
            if reads { session.consume(event.stream, range.count) }
            let fields = heads[event.stream] ?? HeaderList()
            let call = Call(session: session, stream: event.stream, fields: fields, connection: number)
            atData(call, Array(bytes[range]))
          case .ended:
            let fields = heads[event.stream] ?? HeaderList()
            let end = atEnd(Call(session: session, stream: event.stream, fields: fields, connection: number))
            if end == .close { next = .close }
          default: break
          }
        }
        if next == .close {
          var last = ByteBuffer()
          session.write(into: &last, limit: 1 << 24)
          try connection.send(copy(last))
          // Closed with unread bytes, the kernel would reset it and take back what was said.
          while let rest = try connection.readBytes(patience: 200), !rest.isEmpty {}
          return
        }
      }
    }
  }
}

private func copy(_ buffer: borrowing ByteBuffer) -> [UInt8] {
  let span = buffer.span
  return (0..<span.count).map { span[$0] }
}
