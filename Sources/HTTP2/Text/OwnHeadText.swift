import HTTP
import Memory

/// A head of HTTP/1.1 that this program wrote, read for HTTP/2: known to be well formed, so it is split and not judged, and no limit of a
/// parser applies. Lines in it are as whoever sent them first wrote them, blanks around the value included.
///
/// It says where in the text the fields stand; the text itself is not copied.
public struct OwnHeadText: Sendable {
  /// Of an answer, 100 … 599; 0 of a request.
  public private(set) var status = 0
  /// Bytes of the head with the empty line at its end.
  public private(set) var length = 0
  /// Without the lines that HTTP/2 has no fields for: the host's, and those of the connection (RFC 9113 §8.2.2).
  private(set) var lines = FieldLines()
  var first: FirstLine
  /// A field that the text has no line for: `te: trailers`.
  let asksForTrailers: Bool
  private(set) var authority: Range<Int>?
  /// The protocols that a request offers to switch to: the value of its `Upgrade` line.
  public private(set) var upgrade: Range<Int>?
  private var isChunked = false
  private var bodyBytes: UInt64 = 0

  enum FirstLine: Sendable {
    case answer(status: Range<Int>)
    case request(method: Range<Int>, path: Range<Int>, scheme: StaticString)
    /// Extended CONNECT (RFC 8441 §4).
    case connect(protocol: Range<Int>, path: Range<Int>, scheme: StaticString)
    /// The answer that a tunnel stands.
    case tunnel
  }

  /// Reads the answer's head at the front of `text`.
  /// - Parameter leavesOutLength: for gRPC, whose answers say none.
  public init(answer text: Span<UInt8>, leavesOutLength: Bool = false) {
    var reader = LineReader()
    _ = reader.next(text)
    first = .answer(status: 9..<12)  // `HTTP/1.1 200 OK`
    asksForTrailers = false
    status = number(text.extracting(9..<12))
    readLines(text, &reader, leavesOutLength: leavesOutLength)
  }

  /// Reads the request's head at the front of `text`.
  /// - Parameters:
  ///   - scheme: what HTTP/1.1 does not say.
  ///   - asksForTrailers: whether `te: trailers` goes along.
  public init(request text: Span<UInt8>, scheme: StaticString, asksForTrailers: Bool = false) {
    var reader = LineReader()
    let line = reader.next(text)
    let method = end(of: UInt8(ascii: " "), in: text, line)
    let target = end(of: UInt8(ascii: " "), in: text, (method + 1)..<line.upperBound)
    first = .request(method: line.lowerBound..<method, path: (method + 1)..<target, scheme: scheme)
    self.asksForTrailers = asksForTrailers
    readLines(text, &reader, leavesOutLength: false)
  }

  private mutating func readLines(_ text: Span<UInt8>, _ reader: inout LineReader, leavesOutLength: Bool) {
    while let line = reader.nextField(text) { take(line, text, leavesOutLength: leavesOutLength) }
    length = reader.position
  }

  private mutating func take(_ line: FieldLine, _ text: Span<UInt8>, leavesOutLength: Bool) {
    let name = text.extracting(line.name)
    switch name.count {
    case 4 where status == 0 && equalsIgnoringCase(name, "host"):
      authority = line.value
      return
    case 7 where equalsIgnoringCase(name, "upgrade"):
      upgrade = line.value
      return
    case 10 where equalsIgnoringCase(name, "connection") || equalsIgnoringCase(name, "keep-alive"): return
    case 14 where equalsIgnoringCase(name, "content-length"):
      bodyBytes = UInt64(truncatingIfNeeded: number(text.extracting(line.value)))
      if leavesOutLength { return }
    case 16 where equalsIgnoringCase(name, "proxy-connection"): return
    case 17 where equalsIgnoringCase(name, "transfer-encoding"):
      isChunked = true
      return
    default: break
    }
    lines.append(line)
  }

  /// Leaves out the lines of this name.
  mutating func drop(_ name: StaticString, _ text: Span<UInt8>) {
    var kept = FieldLines()
    for index in 0..<lines.count where !equalsIgnoringCase(text.extracting(lines[index].name), name) {
      kept.append(lines[index])
    }
    lines = kept
  }

  /// How the body after a request's head is framed.
  public var requestBody: BodyFraming { isChunked ? .chunked : bodyBytes == 0 ? .none : .length(bodyBytes) }

  /// How the body after an answer's head is framed (RFC 9112 §6.3); never until the close.
  public func answerBody(to method: Method) -> BodyFraming {
    method == .head || status < 200 || status == 204 || status == 304 ? .none : requestBody
  }
}

extension HeaderList {
  /// The fields of a trailer section that this program wrote.
  public init(ownTrailers text: Span<UInt8>) {
    self.init()
    var lines = LineReader()
    while let field = lines.nextField(text) {
      append(name: text.extracting(field.name), value: text.extracting(field.value))
    }
  }
}

/// Goes through lines that end in CR LF.
struct LineReader {
  private(set) var position = 0

  /// The next line of a field; nil at the end of a head, which it then has passed.
  mutating func nextField(_ text: Span<UInt8>) -> FieldLine? {
    guard position < text.count, text[position] != 0x0d else {
      position = min(position + 2, text.count)
      return nil
    }
    let line = next(text)
    let colon = end(of: UInt8(ascii: ":"), in: text, line)
    // What has no colon is no field: its name goes nowhere, and ends nothing.
    return colon < line.upperBound ? FieldLine(line, colon: colon, in: text) : nextField(text)
  }

  /// The next line without its end.
  mutating func next(_ text: Span<UInt8>) -> Range<Int> {
    let stop = end(of: 0x0d, in: text, position..<text.count)
    defer { position = min(stop + 2, text.count) }
    return position..<stop
  }
}

/// Lines in order; those of an ordinary head without an allocation.
struct FieldLines: Sendable {
  private var front = InlineArray<16, FieldLine>(repeating: FieldLine())
  private var others: [FieldLine] = []
  private(set) var count = 0

  // Through a span: an index into the array itself copies the array first.
  subscript(index: Int) -> FieldLine { index < front.count ? front.span[index] : others[index - front.count] }

  mutating func append(_ line: FieldLine) {
    if count < front.count { front[count] = line } else { others.append(line) }
    count += 1
  }
}

/// Where a line `name: value` has its two parts.
struct FieldLine: Sendable {
  private let start: UInt32
  private let colon: UInt32
  private let valueStart: UInt32
  private let valueEnd: UInt32
  /// The line is name, colon and one blank, value, CR LF.
  let isPlain: Bool

  @inline(__always) fileprivate init(_ line: Range<Int>, colon: Int, in text: Span<UInt8>) {
    var value = (start: colon &+ 2, end: line.upperBound)
    let isOrdinary =
      value.start < value.end && text[colon &+ 1] == 0x20 && text[value.start] > 0x20 && text[value.end &- 1] > 0x20
    if !isOrdinary { value = Self.trimmed((colon &+ 1)..<line.upperBound, text) }
    isPlain = value.start == colon &+ 2 && value.end == line.upperBound && value.end &+ 2 <= text.count
    start = UInt32(truncatingIfNeeded: line.lowerBound)
    self.colon = UInt32(truncatingIfNeeded: colon)
    valueStart = UInt32(truncatingIfNeeded: value.start)
    valueEnd = UInt32(truncatingIfNeeded: value.end)
  }

  @inline(never) private static func trimmed(_ value: Range<Int>, _ text: Span<UInt8>) -> (start: Int, end: Int) {
    var (start, end) = (value.lowerBound, value.upperBound)
    while start < end, isBlank(text[start]) { start += 1 }
    while end > start, isBlank(text[end - 1]) { end -= 1 }
    return (start, end)
  }

  /// None.
  fileprivate init() { (start, colon, valueStart, valueEnd, isPlain) = (0, 0, 0, 0, false) }

  var name: Range<Int> { Int(start)..<Int(colon) }
  /// Without the blanks around it (RFC 9110 §5.5).
  var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
  /// With the CR LF at its end, where `isPlain`.
  var whole: Range<Int> { Int(start)..<Int(valueEnd) + 2 }
}

/// Where `byte` stands first in `range`; its end when it does not.
private func end(of byte: UInt8, in text: Span<UInt8>, _ range: Range<Int>) -> Int {
  firstIndex(of: byte, in: text, from: range.lowerBound, to: range.upperBound)
}

private func number(_ digits: Span<UInt8>) -> Int {
  var number = 0
  for i in digits.indices { number = number &* 10 &+ Int(digits[i] &- 0x30) }
  return number
}
