import HTTP
import Memory

/// A head of HTTP/1.1 that this program wrote, as the fields of HTTP/2: known to be well formed, so it is split and not judged,
/// and no limit of a parser applies.
public struct OwnHeadText: Sendable {
  /// Pseudo-fields first; fields of the connection are left out (RFC 9113 §8.2.2).
  public private(set) var fields = HeaderList(reservingFields: HeaderList.ordinaryCount)
  /// Of an answer, 100 … 599; 0 of a request.
  public private(set) var status = 0
  /// Bytes of the head with the empty line at its end.
  public private(set) var length = 0
  private var isChunked = false
  private var bodyBytes: UInt64 = 0

  /// Reads the answer's head at the front of `text`.
  /// - Parameter leavesOutLength: for gRPC, whose answers say none.
  public init(answer text: Span<UInt8>, leavesOutLength: Bool = false) {
    var lines = LineReader()
    let first = lines.next(text)
    status = number(text.extracting(first).extracting(9..<12))  // `HTTP/1.1 200 OK`
    fields.append(name: Self.statusName.span, value: text.extracting(first).extracting(9..<12))
    while true {
      let line = lines.next(text)
      if line.isEmpty { break }
      take(FieldLine(line, in: text), text, leavesOutLength: leavesOutLength)
    }
    length = lines.position
  }

  /// Reads the request's head at the front of `text`.
  /// - Parameter scheme: what HTTP/1.1 does not say.
  public init(request text: Span<UInt8>, scheme: String) {
    var lines = LineReader()
    let first = lines.next(text)
    let method = end(of: UInt8(ascii: " "), in: text, first)
    let target = end(of: UInt8(ascii: " "), in: text, (method + 1)..<first.upperBound)
    fields.append(name: Self.method.span, value: text.extracting(first.lowerBound..<method))
    fields.append(name: Self.scheme.span, value: (scheme == "http" ? Self.http : Self.https).span)
    fields.append(name: Self.path.span, value: text.extracting((method + 1)..<target))
    appendAuthority(lines, text)
    while true {
      let line = lines.next(text)
      if line.isEmpty { break }
      let field = FieldLine(line, in: text)
      if !field.isNamed("host", text) { take(field, text, leavesOutLength: false) }
    }
    length = lines.position
  }

  /// Pseudo-fields come before all others, wherever the host stands in the text.
  private mutating func appendAuthority(_ start: LineReader, _ text: Span<UInt8>) {
    var lines = start
    while true {
      let line = lines.next(text)
      if line.isEmpty { return }
      let field = FieldLine(line, in: text)
      if field.isNamed("host", text) {
        fields.append(name: Self.authority.span, value: text.extracting(field.value))
        return
      }
    }
  }

  private static let statusName = Array(":status".utf8)
  private static let method = Array(":method".utf8)
  private static let scheme = Array(":scheme".utf8)
  private static let http = Array("http".utf8)
  private static let https = Array("https".utf8)
  private static let path = Array(":path".utf8)
  private static let authority = Array(":authority".utf8)

  /// Adds a field that the text has no line for.
  public mutating func append(_ name: String, _ value: String) { fields.append(name, value) }

  private mutating func take(_ field: FieldLine, _ text: Span<UInt8>, leavesOutLength: Bool) {
    if field.isNamed("transfer-encoding", text) {
      isChunked = true
      return
    }
    if field.isOfConnection(text) { return }
    if field.isNamed("content-length", text) {
      bodyBytes = UInt64(number(text.extracting(field.value)))
      if leavesOutLength { return }
    }
    fields.append(name: text.extracting(field.name), value: text.extracting(field.value))
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
    while lines.position < text.count {
      let line = lines.next(text)
      if line.isEmpty { return }
      let field = FieldLine(line, in: text)
      append(name: text.extracting(field.name), value: text.extracting(field.value))
    }
  }
}

/// Goes through lines that end in CR LF.
private struct LineReader {
  private(set) var position = 0

  /// The next line without its end; empty at the end of a head.
  mutating func next(_ text: Span<UInt8>) -> Range<Int> {
    let stop = end(of: 0x0d, in: text, position..<text.count)
    defer { position = min(stop + 2, text.count) }
    return position..<stop
  }
}

/// `name: value`
private struct FieldLine {
  let name: Range<Int>
  let value: Range<Int>

  init(_ line: Range<Int>, in text: Span<UInt8>) {
    let colon = end(of: UInt8(ascii: ":"), in: text, line)
    name = line.lowerBound..<colon
    value = min(colon + 2, line.upperBound)..<line.upperBound
  }

  func isNamed(_ name: StaticString, _ text: Span<UInt8>) -> Bool {
    equalsIgnoringCase(text.extracting(self.name), name)
  }

  /// What HTTP/2 does not know, since it is about one connection of HTTP/1.
  func isOfConnection(_ text: Span<UInt8>) -> Bool {
    isNamed("connection", text) || isNamed("keep-alive", text) || isNamed("proxy-connection", text)
      || isNamed("upgrade", text)
  }
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
