import HTTP2
import Memory
import Testing

/// Sessions that take their memory from one pool do what others do, and leave no more behind than the pool may keep.
@Suite struct HTTP2MemoryTests {
  @Test func whatStreamsGiveBackServesTheNext() {
    let memory = HTTP2Memory()
    #expect(memory.keptBytes == 0)
    exchange(requests: 50, memory)
    let kept = memory.keptBytes
    #expect(kept > 0)
    exchange(requests: 50, memory)
    #expect(memory.keptBytes == kept)
  }

  @Test(arguments: [0, 64, 4096]) func noMoreIsKeptThanAllowed(_ keep: Int) {
    let memory = HTTP2Memory(keep: keep)
    exchange(requests: 100, memory)
    #expect(memory.keptBytes <= keep)
  }

  /// One client and one server, whose streams are all open at once.
  private func exchange(requests: Int, _ memory: HTTP2Memory) {
    let client = HTTP2Session(role: .client, memory: memory)
    let server = HTTP2Session(role: .server, memory: memory)
    let fields: HeaderList = [
      ":method": "POST", ":scheme": "http", ":path": "/\(String(repeating: "p", count: 2000))", ":authority": "users", "x": "y",
    ]
    for _ in 0..<requests { #expect(client.submitRequest(fields, endStream: true) != nil) }
    var answered = 0
    for _ in 0..<8 {
      pass(client, server)
      while let event = server.nextEvent() {
        if case .request = event.kind { server.submitResponse(event.stream, [":status": "204"], endStream: true) }
      }
      pass(server, client)
      while let event = client.nextEvent() {
        if case .response = event.kind { answered += 1 }
      }
    }
    #expect(answered == requests)
  }

  private func pass(_ from: HTTP2Session, _ to: HTTP2Session) {
    var bytes = ByteBuffer()
    #expect(from.write(into: &bytes, limit: 1 << 20) == nil)
    #expect(to.receive(bytes.span, at: 0) == nil)
  }
}
