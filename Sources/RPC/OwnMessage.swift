import HTTP
import Memory

/// A message of HTTP/1.1 that this program wrote, put together again piece by piece: known to be well formed.
struct OwnMessage: ~Copyable {
  /// Of an answer; 0 of a request, and before the head was read.
  private(set) var status = 0
  /// The body is that of a call.
  private(set) var isCall = false
  /// The proxy's own answer: the fault's name, empty for none.
  private(set) var fault: [UInt8] = []
  /// Surely no application saw the request.
  private(set) var isRetryable = false
  private(set) var isDone = false
  private(set) var body = ByteBuffer()
  private var hasHead = false
  private var reader = BodyReader(.none)
  /// Text that its reader wants to see again, with more behind it.
  private var rest = ByteBuffer()

  /// Takes the next piece of the text. Returns false for what is no message, or a body above `limit` bytes.
  mutating func take(_ text: Span<UInt8>, limit: Int) -> Bool {
    var pending = ByteBuffer()
    swap(&pending, &rest)
    pending.append(text)
    defer { swap(&pending, &rest) }
    while !isDone {
      if !hasHead {
        guard let length = readHead(pending.span) else { return true }
        pending.removeFirst(length)
        continue
      }
      var reader = self.reader
      let part = reader.next(pending.span)
      self.reader = reader
      switch part {
      case .data(let start, let end, let consumed):
        if body.count &+ (end &- start) > limit { return false }
        body.append(pending.span.extracting(start..<end))
        pending.removeFirst(consumed)
        isDone = reader.isDone
      case .needMore(let consumed):
        pending.removeFirst(consumed)
        return true
      case .trailers(_, _, let consumed), .end(let consumed):
        pending.removeFirst(consumed)
        isDone = true
      case .fault: return false
      }
    }
    return true
  }

  /// Reads the head when it is there as a whole; its length.
  private mutating func readHead(_ text: Span<UInt8>) -> Int? {
    var lineStart = 0
    var framing = BodyFraming.none
    (status, isCall, isRetryable, fault) = (0, false, false, [])
    while true {
      let lineEnd = firstIndex(of: 0x0d, in: text, from: lineStart, to: text.count)
      guard lineEnd &+ 1 < text.count else { return nil }
      if lineEnd == lineStart { break }
      let line = text.extracting(lineStart..<lineEnd)
      if lineStart == 0 { status = number(in: line, statusLine: true) } else { take(line: line, &framing) }
      lineStart = lineEnd &+ 2
    }
    if status >= 100, status < 200 { return lineStart &+ 2 }  // interim: the answer follows
    hasHead = true
    reader = BodyReader(framing, isOwn: true)
    isDone = reader.isDone
    return lineStart &+ 2
  }

  private mutating func take(line: Span<UInt8>, _ framing: inout BodyFraming) {
    let colon = firstIndex(of: UInt8(ascii: ":"), in: line, from: 0, to: line.count)
    let name = line.extracting(0..<colon)
    let value = line.extracting(min(colon &+ 2, line.count)..<line.count)
    switch colon {
    case 12 where equalsIgnoringCase(name, "content-type"): isCall = equals(value, callContentType)
    case 12 where equalsIgnoringCase(name, "heddle-error"): fault = value.indices.map { value[$0] }
    case 13 where equalsIgnoringCase(name, "l5d-retryable"): isRetryable = equals(value, "true")
    case 14 where equalsIgnoringCase(name, "content-length"):
      framing = .length(UInt64(number(in: value, statusLine: false)))
    case 17 where equalsIgnoringCase(name, "transfer-encoding"): framing = .chunked
    default: break
    }
  }

  /// A decimal number; of `HTTP/1.1 200 OK` the status, of a request line 0.
  private func number(in text: Span<UInt8>, statusLine: Bool) -> Int {
    var number = 0
    let digits = statusLine ? (text.count >= 12 && text[0] == UInt8(ascii: "H") ? 9..<12 : 0..<0) : 0..<text.count
    for i in digits { number = number &* 10 &+ Int(text[i] &- 0x30) }
    return number
  }
}
