import Memory

/// The head of one response, as offsets into the bytes that were parsed. One per worker, reused; see ``RequestHead``.
public struct ResponseHead: ~Copyable {
  /// 100 … 599.
  public internal(set) var statusCode = 0
  /// 0 or 1: the response is HTTP/1.0 or HTTP/1.1.
  public internal(set) var minorVersion: UInt8 = 1
  /// The server lets the connection go on. A body that runs until the close ends it all the same.
  public internal(set) var keepAlive = false
  /// The server names another protocol.
  public internal(set) var hasUpgrade = false
  /// `Connection` lists something other than `close` and `keep-alive`.
  public internal(set) var hasConnectionOptions = false
  /// Text after the status code; often empty.
  public internal(set) var reasonRange = 0..<0
  public internal(set) var fields = FieldTable()
  var declared = DeclaredLength.none

  public init() {}

  public var isInformational: Bool { statusCode < 200 }

  /// Parses a whole head from the start of `bytes`. Refuses what ``RequestHead`` refuses: two lengths, a length
  /// beside a transfer encoding, stray line ends and control characters; and a length or transfer encoding in 1xx and
  /// 204 (RFC 9110 §8.6).
  public mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits = .standard) -> HeadParse {
    fields.removeAll()
    let end = min(bytes.count, limits.maxBytes)
    var i = 0
    if let stop = parseStatusLine(bytes, &i, end) { return HeadLines.bounded(stop, bytes.count, limits) }
    let lines = fields.parseLines(bytes, from: i, to: end, maxFields: limits.maxFields)
    guard case .complete = lines else { return HeadLines.bounded(lines, bytes.count, limits) }
    if let fault = interpret(bytes, limits) { return .fault(fault) }
    return lines
  }

  /// Like `parse(_:limits:)` for a head that may still be growing; see ``HeadScan``.
  public mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits, scan: inout HeadScan) -> HeadParse {
    guard scan.shouldParse(bytes) else { return HeadLines.bounded(.incomplete, bytes.count, limits) }
    let result = parse(bytes, limits: limits)
    scan.parsed(bytes.count, result)
    return result
  }

  /// How the body is framed in answer to a request of that method (RFC 9112 §6.3). Nothing after the head belongs to
  /// a 1xx, 204 or 304, to an answer to HEAD, or to a 2xx to CONNECT.
  public func framing(requestMethod: Method) -> BodyFraming {
    if requestMethod == .head || statusCode < 200 || statusCode == 204 || statusCode == 304 { return .none }
    if requestMethod == .connect && statusCode < 300 { return .none }
    switch declared {
    case .chunked: return .chunked
    case .length(let n): return n == 0 ? .none : .length(n)
    case .none: return .untilClose
    }
  }

  /// The status line: version, space, three digits, and either the line's end or a space and a reason that may be
  /// empty.
  @inline(__always) private mutating func parseStatusLine(_ s: Span<UInt8>, _ i: inout Int, _ end: Int) -> HeadParse? {
    guard end >= 14 else { return StatusLine.cut(s, end) }
    let version = word(s, at: 0)
    if version == ascii("H", "T", "T", "P", "/", "1", ".", "1") {
      minorVersion = 1
    } else if version == ascii("H", "T", "T", "P", "/", "1", ".", "0") {
      minorVersion = 0
    } else {
      return .fault(.badStatusLine)
    }
    guard let code = StatusLine.code(s) else { return .fault(.badStatusLine) }
    statusCode = code
    i = 12
    if s[i] == 0x20 { i &+= 1 } else if s[i] != carriageReturn { return .fault(FieldLines.badByte(s[i])) }
    let reasonStart = i
    i = firstControl(s, from: i, to: end)
    while i < end, s[i] == 0x09 { i = firstControl(s, from: i &+ 1, to: end) }
    guard i &+ 1 < end else { return FieldLines.unended(s, at: i, end) }
    guard s[i] == carriageReturn, s[i &+ 1] == lineFeed else { return .fault(FieldLines.badByte(s[i])) }
    reasonRange = reasonStart..<i
    i &+= 2
    return nil
  }

  private mutating func interpret(_ s: Span<UInt8>, _ limits: HeadLimits) -> HTTPFault? {
    switch fields.declaredLength(s, minorVersion: minorVersion) {
    case .failure(let fault): return fault
    case .success(let length): declared = length
    }
    if statusCode < 200 || statusCode == 204, declared != .none, declared != .length(0) { return .bodyNotAllowed }
    var options = ConnectionOptions()
    if let fault = fields.applyConnection(s, limit: limits.maxConnectionOptions, into: &options) { return fault }
    keepAlive = !options.close && (minorVersion == 1 || options.keepAlive)
    hasConnectionOptions = options.hasOthers
    hasUpgrade = fields.contains(.upgrade)
    return nil
  }
}

enum StatusLine {
  /// The code after the version and one space, 100 … 599. `s` has at least 14 bytes.
  @inline(__always) static func code(_ s: Span<UInt8>) -> Int? {
    guard s[8] == 0x20, isDigit(s[9]), isDigit(s[10]), isDigit(s[11]) else { return nil }
    let code = Int(s[9] &- 0x30) &* 100 &+ Int(s[10] &- 0x30) &* 10 &+ Int(s[11] &- 0x30)
    return code >= 100 && code <= 599 ? code : nil
  }

  /// Fewer bytes than the shortest line: wrong as soon as one of them is.
  @inline(never) static func cut(_ s: Span<UInt8>, _ end: Int) -> HeadParse {
    let expected: InlineArray<9, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e, 0, 0x20]
    for i in 0..<min(end, 12) {
      let isRight =
        switch i {
        case 7: s[i] == 0x30 || s[i] == 0x31
        case 9: s[i] >= 0x31 && s[i] <= 0x35
        case 10...: isDigit(s[i])
        default: s[i] == expected[i]
        }
      if !isRight { return .fault(.badStatusLine) }
    }
    if end > 12, s[12] != 0x20, s[12] != carriageReturn { return .fault(FieldLines.badByte(s[12])) }
    return .incomplete
  }
}
