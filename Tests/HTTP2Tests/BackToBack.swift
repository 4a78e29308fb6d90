import HTTP2
import Memory
import TestSupport

/// An event as a test compares it: bytes instead of ranges.
enum Seen: Equatable {
  case request(Int32, [String])
  case response(Int32, [String])
  case informational(Int32, [String])
  case trailers(Int32, [String])
  case tooLarge(Int32)
  case data(Int32, [UInt8])
  case ended(Int32)
  case closed(Int32, HTTP2ErrorCode)
  case pong(UInt64)
  case goAway(Int32, HTTP2ErrorCode)
}

/// One end of a connection, its events written down.
final class End {
  let session: HTTP2Session
  /// Runs of DATA are joined; settings and endWritten are left out.
  var seen: [Seen] = []
  /// Give credit at once.
  var consumes = true
  var onEvent: ((HTTP2Event) -> Void)?
  var now: UInt64 = 0
  var fault: HTTP2Fault?

  init(_ role: HTTP2Role, _ settings: HTTP2Settings = HTTP2Settings()) {
    session = HTTP2Session(role: role, settings: settings)
  }

  func receive(_ bytes: [UInt8]) {
    fault = session.receive(bytes.span, at: now)
    while let event = session.nextEvent() { note(event, bytes) }
  }

  func note(_ event: HTTP2Event, _ bytes: [UInt8]) {
    onEvent?(event)
    let stream = event.stream
    switch event.kind {
    case .request(let fields, _): seen.append(.request(stream, lines(fields)))
    case .response(let fields, _): seen.append(.response(stream, lines(fields)))
    case .informational(let fields): seen.append(.informational(stream, lines(fields)))
    case .trailers(let fields): seen.append(.trailers(stream, lines(fields)))
    case .tooLarge: seen.append(.tooLarge(stream))
    case .data(let range):
      if consumes { session.consume(stream, range.count) }
      append(Array(bytes[range]), stream)
    case .ended: seen.append(.ended(stream))
    case .closed(let code): seen.append(.closed(stream, code))
    case .pong(let payload): seen.append(.pong(payload))
    case .goAway(let last, let code): seen.append(.goAway(last, code))
    case .settings, .endWritten: break
    }
  }

  private func append(_ bytes: [UInt8], _ stream: Int32) {
    if case .data(stream, let before) = seen.last {
      seen[seen.count - 1] = .data(stream, before + bytes)
    } else {
      seen.append(.data(stream, bytes))
    }
  }

  private func lines(_ fields: HeaderList) -> [String] { fields.fields.map { "\($0.name): \($0.value)" } }

  /// What the session has to send now.
  func output(limit: Int = 1 << 24) -> [UInt8] {
    var buffer = ByteBuffer()
    session.write(into: &buffer, limit: limit)
    while let event = session.nextEvent() { note(event, []) }
    var bytes: [UInt8] = []
    for index in 0..<buffer.count { bytes.append(buffer.span[index]) }
    return bytes
  }

  /// All DATA of a stream.
  func data(_ stream: Int32) -> [UInt8] {
    seen.reduce(into: []) { all, event in
      if case .data(stream, let bytes) = event { all += bytes }
    }
  }
}

/// A client and a server and the wire between them.
final class BackToBack {
  let client: End
  let server: End
  /// Cuts what goes over the wire.
  var cut: ([UInt8]) -> [[UInt8]] = { [$0] }

  init(client: HTTP2Settings = HTTP2Settings(), server: HTTP2Settings = HTTP2Settings()) {
    self.client = End(.client, client)
    self.server = End(.server, server)
  }

  /// Carries bytes both ways until both are silent.
  func run() {
    while true {
      let up = client.output()
      for piece in cut(up) { server.receive(piece) }
      let down = server.output()
      for piece in cut(down) { client.receive(piece) }
      if up.isEmpty && down.isEmpty { return }
    }
  }
}

let getFields: HeaderList = [":method": "GET", ":scheme": "http", ":authority": "users", ":path": "/a?b"]
let postFields: HeaderList = [":method": "POST", ":scheme": "http", ":authority": "users", ":path": "/a"]
let okFields: HeaderList = [":status": "200"]

/// A frame by hand.
func wire(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
  let n = payload.count
  return [UInt8(n >> 16), UInt8(n >> 8 & 255), UInt8(n & 255), type, flags]
    + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: stream >> UInt32($0)) } + payload
}

/// What a client says first, with these settings.
func opening(_ settings: [UInt8] = []) -> [UInt8] { bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + wire(4, 0, 0, settings) }

/// SETTINGS_INITIAL_WINDOW_SIZE.
func windowSetting(_ size: UInt32) -> [UInt8] { [0, 4] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> UInt32($0)) } }

/// `GET / HTTP/2` of the authority `a`, by the static table.
let getBlock: [UInt8] = [0x82, 0x86, 0x84, 0x41, 1, 0x61]

/// The frames in what a session has written.
func frames(_ output: [UInt8]) -> [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] {
  var frames: [(type: UInt8, flags: UInt8, stream: UInt32, payload: [UInt8])] = []
  var at = 0
  while at + 9 <= output.count {
    let length = output[at..<at + 3].reduce(0) { $0 << 8 | Int($1) }
    let stream = output[(at + 5)..<(at + 9)].reduce(0) { $0 << 8 | UInt32($1) }
    frames.append((output[at + 3], output[at + 4], stream, Array(output[(at + 9)..<(at + 9 + length)])))
    at += 9 + length
  }
  return frames
}
