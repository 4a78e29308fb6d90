/// Reads server-sent events (HTML Living Standard, "Server-sent events"): lines `event:` and `data:`, an empty line ends an event.
struct EventLines {
  struct Event: Equatable {
    /// `message` when the sender gives none.
    var name = "message"
    var data: [UInt8] = []
  }

  enum Step: Equatable {
    case event(Event)
    case needMore
    case fault(String)
  }

  /// Bytes of one event. Why: the sender may be anybody. At the limit: a fault.
  let limit: Int
  private var bytes: [UInt8] = []
  private var lineStart = 0
  private var at = 0
  private var event = Event()
  private var hasData = false
  /// The last byte was a carriage return: a line feed after it belongs to the same line end.
  private var sawReturn = false

  init(limit: Int = 8 << 20) { self.limit = limit }

  mutating func append(_ more: [UInt8]) { bytes += more }

  mutating func next() -> Step {
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if byte == 0x0A, sawReturn {
        sawReturn = false
        lineStart = at
        continue
      }
      sawReturn = byte == 0x0D
      guard byte == 0x0A || byte == 0x0D else { continue }
      let line = bytes[lineStart..<(at - 1)]
      lineStart = at
      if let done = take(line) { return .event(done) }
      if event.data.count > limit { return .fault("an event of more than \(limit) bytes") }
    }
    bytes.removeFirst(lineStart)
    at -= lineStart
    lineStart = 0
    return bytes.count > limit ? .fault("a line of more than \(limit) bytes") : .needMore
  }

  /// An event, when the line ends one that has data.
  private mutating func take(_ line: ArraySlice<UInt8>) -> Event? {
    if line.isEmpty {
      defer {
        event = Event()
        hasData = false
      }
      return hasData ? event : nil
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = colon < line.endIndex ? line[(colon + 1)...] : []
    if value.first == 0x20 { value = value.dropFirst() }
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "event": event.name = String(decoding: value, as: UTF8.self)
    case "data":
      if hasData { event.data.append(0x0A) }
      event.data += value
      hasData = true
    default: break  // comments (an empty name), `id`, `retry`, and what may come
    }
    return nil
  }
}
