import HTTP
import HTTP2
import Memory
import SystemIO

/// One connection of an `HTTPClient`. Waits in the kernel, never longer than a limit allows.
final class ClientConnection {
  private let socket: Socket
  private let poller: Poller
  private let authority: String
  private var input = ByteBuffer()
  /// A byte of an answer to the current request has come.
  private(set) var hasAnswered = false
  private static let readBytes = 65_536

  /// Connects, or says why not.
  init(to address: SocketAddress, authority: String, _ limits: HTTPClient.Limits) throws(HTTPClientError) {
    self.authority = authority
    do {
      socket = try Socket.connect(to: address)
      poller = try Poller()
      try poller.add(socket.descriptor, token: 0, .write)
    } catch { throw .unreachable("\(authority): \(error)") }
    guard Self.wait(poller, limits.connectTimeout) else {
      throw .timeout("\(authority): no connection within \(limits.connectTimeout)")
    }
    let code = socket.connectError()
    if code != 0 { throw .unreachable("\(authority): \(systemMessage(code))") }
  }

  /// The server has closed it, or said something unasked: of no use for another request.
  var isStale: Bool { !input.isEmpty || socket.pendingEndOfFile() }

  /// False when nothing was ready in time. A signal is no reason to give up early.
  private static func wait(_ poller: borrowing Poller, _ timeout: Duration) -> Bool {
    let end = Instant.now() + timeout
    while true {
      let left = end.nanoseconds(since: Instant.now())
      let milliseconds = Int32(clamping: left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1))
      if poller.wait(milliseconds: milliseconds) > 0 { return true }
      if left == 0 { return false }
    }
  }

  private func watch(_ interest: Interest) throws(HTTPClientError) {
    do { try poller.modify(socket.descriptor, token: 0, interest) } catch {
      throw .unreachable("\(authority): \(error)")
    }
  }

  // MARK: Writing

  /// Sends everything, or stops early when the server answers meanwhile: a refusal need not wait for a large body.
  func write(_ bytes: [UInt8], _ limits: HTTPClient.Limits) throws(HTTPClientError) {
    var sent = 0
    hasAnswered = false
    try watch([.read, .write])
    while sent < bytes.count {
      switch socket.send(bytes.span.extracting(sent...)) {
      case .bytes(let count): sent += count
      case .wouldBlock:
        guard Self.wait(poller, limits.readTimeout) else {
          throw .timeout("\(authority): took nothing for \(limits.readTimeout)")
        }
        if poller.readiness(at: 0).contains(.readable) && !poller.readiness(at: 0).contains(.writable) { return }
      case .endOfFile, .failed: return  // reading tells what the server said before it closed
      }
    }
  }

  // MARK: Reading

  /// Reads one answer; the flag says whether the connection may be used again.
  func read(
    _ method: String, _ limits: HTTPClient.Limits, _ onHead: (HTTPResponse) -> Bool, _ onBytes: ([UInt8]) -> Bool
  ) throws(HTTPClientError) -> (HTTPResponse, isReusable: Bool) {
    try watch(.read)
    var reader = AnswerReader(method: method)
    var response = HTTPResponse(status: 0)
    while true {
      switch reader.next(&input) {
      case .head(let head):
        response = head
        guard onHead(head) else { return (response, false) }
      case .bytes(let piece): guard onBytes(piece) else { return (response, false) }
      case .ended: return (response, reader.isReusable)
      case .fault(let fault): throw .malformed("\(authority): \(answerFault(fault, hasHead: response.status != 0))")
      case .needMore: if try !receive(limits) { return (response, try end(&reader)) }
      }
    }
  }

  /// The server has closed; false, for the connection cannot be used again.
  private func end(_ reader: inout AnswerReader) throws(HTTPClientError) -> Bool {
    guard let fault = reader.endOfInput() else { return false }
    if fault == .truncatedHead, !hasAnswered { throw .malformed("\(authority): closed without an answer") }
    throw .malformed("\(authority): the answer was cut short")
  }

  /// False at the end of the connection.
  private func receive(_ limits: HTTPClient.Limits) throws(HTTPClientError) -> Bool {
    while true {
      switch socket.receive(into: &input, atMost: Self.readBytes) {
      case .bytes:
        hasAnswered = true
        return true
      case .endOfFile: return false
      case .failed(let code): throw .unreachable("\(authority): \(systemMessage(code))")
      case .wouldBlock:
        guard Self.wait(poller, limits.readTimeout) else {
          throw .timeout("\(authority): no answer for \(limits.readTimeout)")
        }
      }
    }
  }
}
