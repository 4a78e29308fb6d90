import HTTP2
import Serving
import SystemIO
import Testing

@Suite struct HTTPClientTests {
  /// A server that says these bytes to whoever connects, and closes.
  private func answering(_ text: String, _ body: (HTTPClient) throws -> Void) throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    startThread(name: "answering") {
      waitFor {
        guard case .connection(let socket, _) = listener.accept() else { return false }
        let bytes = Array(text.utf8)
        _ = socket.send(bytes.span)
        socket.shutdownWrite()
        waitFor { socket.pendingEndOfFile() }
        return true
      }
    }
    try body(HTTPClient(address: address, timeout: patience))
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
    ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"), ("HTTP/1.1 204 No Content\r\n\r\n", ""),
  ])
  func readsEveryFraming(answer: String, body: String) throws {
    try answering(answer) { client in
      let text = try client.send("GET", "/").text
      #expect(text == body)
    }
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "",
    "SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
  ])
  func whatIsCutOrNoHTTPIsAnError(answer: String) throws {
    try answering(answer) { client in
      #expect { try client.send("GET", "/") } throws: { error in
        if case .malformed = error as? HTTPClientError { true } else { false }
      }
    }
  }

  @Test func tellsUnreachableFromSilent() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    #expect { try HTTPClient(address: address, timeout: .milliseconds(50)).send("GET", "/") } throws: { error in
      if case .timeout = error as? HTTPClientError { true } else { false }
    }
    _ = consume listener
    #expect(throws: HTTPClientError.unreachable("\(address): Connection refused")) {
      try HTTPClient(address: address).send("GET", "/")
    }
  }

  @Test func refusesRequestsThatCannotBeWritten() throws {
    let client = HTTPClient(address: .loopback(port: 1))
    for (method, target, field) in [("GET", "/a b", "x"), ("G T", "/", "x"), ("GET", "/", "a\r\nb: c")] {
      #expect { try client.send(method, target, headers: ["x": field]) } throws: { error in
        if case .invalidRequest = error as? HTTPClientError { true } else { false }
      }
    }
  }

  @Test func comesBackAfterTheServerClosedTheIdleConnection() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    let closed = Collected<Int>()
    startThread(name: "closing") {
      for connection in 1...3 {
        waitFor {
          guard case .connection(let socket, _) = listener.accept(), let caller = try? RawClient(adopting: socket) else {
            return false
          }
          _ = caller.readText(until: "\r\n\r\n")
          caller.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
          return true
        }
        closed.add(connection)
      }
    }
    let client = HTTPClient(address: address, timeout: patience)
    for connection in 1...3 {
      #expect(try client.send("GET", "/").status == 200)
      closed.wait { $0.last == connection }
    }
  }

  @Test func anAnswerAboveTheLimitIsAnError() throws {
    let running = try RunningServer(handler: DirectHandler { _ in HTTPResponse(status: 200, bytes: [UInt8](repeating: 1, count: 10_000)) })
    let client = HTTPClient(address: running.address)
    client.limits.bodyBytes = 9_999
    #expect(throws: HTTPClientError.self) { try client.send("GET", "/") }
    client.limits.bodyBytes = 10_000
    #expect(try client.send("GET", "/").bytes?.count == 10_000)
  }
}
