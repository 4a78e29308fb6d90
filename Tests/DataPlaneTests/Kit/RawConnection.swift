import Memory
import SystemIO

/// A socket that a test reads and writes with a bound on every wait. Time limits here only end a test that would hang.
final class RawConnection {
  private let socket: Socket
  private var buffer = ByteBuffer()
  static let patience: Int32 = 10_000

  init(adopting socket: consuming Socket) { self.socket = socket }

  /// Connects to a loopback port.
  init(port: UInt16) throws {
    socket = try Socket.connect(to: SocketAddress(host: "127.0.0.1", port: port)!)
    try wait(for: [.write])
    let code = socket.connectError()
    if code != 0 { throw SystemError(code: code, call: "connect") }
  }

  private func wait(for interest: Interest) throws {
    let poller = try Poller()
    try poller.add(socket.descriptor, token: 1, interest)
    if poller.wait(milliseconds: Self.patience) == 0 { throw TestTimeout() }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      switch socket.send(bytes.span.extracting(sent..<bytes.count)) {
      case .bytes(let n): sent += n
      case .wouldBlock: try wait(for: [.write])
      case .endOfFile: throw SystemError(code: 32, call: "send")
      case .failed(let code): throw SystemError(code: code, call: "send")
      }
    }
  }

  /// Sends as much as the other side takes without a pause of `patience` milliseconds. Returns how many bytes that was.
  func sendWhatFits(_ bytes: [UInt8], patience: Int32 = 200) throws -> Int {
    var sent = 0
    while sent < bytes.count {
      switch socket.send(bytes.span.extracting(sent..<bytes.count)) {
      case .bytes(let n): sent += n
      case .wouldBlock:
        let poller = try Poller()
        try poller.add(socket.descriptor, token: 1, [.write])
        if poller.wait(milliseconds: patience) == 0 { return sent }
      case .endOfFile, .failed: return sent
      }
    }
    return sent
  }

  /// Reads and drops what has come. False when the other side has closed.
  func takeWhatIsThere() -> Bool {
    while true {
      buffer.removeAll()
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes: continue
      case .wouldBlock: return true
      case .endOfFile, .failed: return false
      }
    }
  }

  /// False when the other side has closed, or reset the connection.
  var isOpen: Bool { takeWhatIsThere() }

  /// Makes the kernel keep little for this side, so that a slow reader is felt soon.
  func keepLittle() throws {
    try socket.setReceiveBuffer(bytes: 16_384)
    try socket.setSendBuffer(bytes: 16_384)
  }

  /// Reads until `isEnough` says so or the other side closes. Returns everything read so far that was not taken before.
  func read(until isEnough: (String) -> Bool) throws -> (text: String, closed: Bool) {
    while true {
      let text = take(removing: false)
      if isEnough(text) {
        buffer.removeAll()
        return (text, false)
      }
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes: continue
      case .wouldBlock: try wait(for: [.read])
      case .endOfFile, .failed:
        let rest = take(removing: true)
        return (rest, true)
      }
    }
  }

  private func take(removing: Bool) -> String {
    let bytes = copy(of: buffer)
    if removing { buffer.removeAll() }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// One answer: head, and the body that `Content-Length` or chunks or the close delimit.
  func readAnswer() throws -> RawAnswer {
    let (text, closed) = try read { RawAnswer(complete: $0) != nil }
    return RawAnswer(complete: text) ?? RawAnswer(cut: text, closed: closed)
  }

  /// One request head and its `Content-Length` body, or what came before the close.
  func readRequest() throws -> String {
    try read { text in
      guard let end = text.firstRange(of: "\r\n\r\n") else { return false }
      let body = text[end.upperBound...].utf8.count
      if text.contains("transfer-encoding: chunked") { return text.contains("\r\n0\r\n") && text.hasSuffix("\r\n\r\n") }
      return body >= (RawAnswer.field("content-length", in: String(text[..<end.lowerBound])).flatMap { Int($0) } ?? 0)
    }.text
  }

  /// The next bytes; none when nothing came within `patience` milliseconds, nil when the other side has closed.
  func readBytes(patience: Int32) throws -> [UInt8]? {
    buffer.removeAll()
    while true {
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes:
        defer { buffer.removeAll() }
        return copy(of: buffer)
      case .wouldBlock:
        let poller = try Poller()
        try poller.add(socket.descriptor, token: 1, [.read])
        if poller.wait(milliseconds: patience) == 0 { return [] }
      case .endOfFile, .failed: return nil
      }
    }
  }

  /// Counts bytes until the other side closes or so many have come.
  func count(upTo limit: Int) throws -> Int {
    var total = buffer.count  // what came behind something that was read
    while total < limit {
      buffer.removeAll()
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes(let n): total += n
      case .wouldBlock: try wait(for: [.read])
      case .endOfFile, .failed: return total
      }
    }
    buffer.removeAll()
    return total
  }

  /// The next bytes that come, as they are; none when the other side has closed.
  func receive() throws -> [UInt8] {
    while true {
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes:
        defer { buffer.removeAll() }
        return copy(of: buffer)
      case .wouldBlock: try wait(for: [.read])
      case .endOfFile, .failed: return []
      }
    }
  }

  /// A head with its empty line; what comes behind it is left for later. Without that line: all up to the close.
  func readHead() throws -> String {
    while true {
      let text = take(removing: false)
      if let end = text.firstRange(of: "\r\n\r\n") {
        let head = String(text[..<end.upperBound])
        buffer.removeFirst(head.utf8.count)
        return head
      }
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes: continue
      case .wouldBlock: try wait(for: [.read])
      case .endOfFile, .failed: return take(removing: true)
      }
    }
  }

  /// What has come, at least one byte; empty when the other side has said its last. Throws when it has reset the connection.
  func readSome() throws -> [UInt8] {
    while buffer.isEmpty {
      switch socket.receive(into: &buffer, atMost: 65_536) {
      case .bytes: continue
      case .wouldBlock: try wait(for: [.read])
      case .endOfFile: return []
      case .failed(let code): throw SystemError(code: code, call: "receive")
      }
    }
    let bytes = copy(of: buffer)
    buffer.removeAll()
    return bytes
  }

  /// Everything up to the other side's last byte. Throws when it has reset the connection.
  func readToOrderlyEnd() throws -> String {
    var all: [UInt8] = []
    while true {
      let more = try readSome()
      if more.isEmpty { return String(decoding: all, as: UTF8.self) }
      all += more
    }
  }

  /// Whether the connection ends by a reset; whatever comes before is dropped.
  func endsByReset() throws -> Bool {
    do throws(SystemError) {
      while true {
        buffer.removeAll()
        switch socket.receive(into: &buffer, atMost: 65_536) {
        case .bytes: continue
        case .wouldBlock: break
        case .endOfFile: return false
        case .failed(let code): throw SystemError(code: code, call: "receive")
        }
        guard (try? wait(for: [.read])) != nil else { return false }
      }
    } catch { return error.code == 104 }  // ECONNRESET
  }

  /// Says the last byte of this side, and goes on reading.
  func endWriting() { socket.shutdownWrite() }

  func readToEnd() throws -> String { try read { _ in false }.text }

  func reset() { socket.setReset() }
}

private func copy(of buffer: borrowing ByteBuffer) -> [UInt8] {
  let span = buffer.span
  return (0..<span.count).map { span[$0] }
}

struct TestTimeout: Error {}

/// An answer as it stood on the wire.
struct RawAnswer {
  var status: Int
  var head: String
  var body: String
  /// Whether the framing said that this was all of it.
  var isWhole: Bool

  init?(complete text: String) {
    guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
    head = String(text[..<end.lowerBound])
    body = String(text[end.upperBound...])
    status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
    isWhole = true
    if status < 200 { return nil }
    if let length = Self.field("content-length", in: head).flatMap({ Int($0) }) {
      if body.utf8.count < length { return nil }
    } else if Self.field("transfer-encoding", in: head) == "chunked" {
      if !("\r\n" + body).contains("\r\n0\r\n") || !body.hasSuffix("\r\n\r\n") { return nil }
    } else if status != 204 && status != 304 {
      return nil
    }
  }

  init(cut text: String, closed: Bool) {
    let end = text.firstRange(of: "\r\n\r\n")
    head = end.map { String(text[..<$0.lowerBound]) } ?? text
    body = end.map { String(text[$0.upperBound...]) } ?? ""
    status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
    isWhole = false
  }

  func field(_ name: String) -> String? { Self.field(name, in: head) }

  static func field(_ name: String, in head: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() {
      guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
      return String(line[line.index(after: colon)...].drop { $0 == " " })
    }
    return nil
  }
}
