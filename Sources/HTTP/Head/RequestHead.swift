import Memory

/// The form of a request target (RFC 9112 §3.2).
public enum TargetForm: UInt8, Hashable, Sendable {
  /// `/path?query`
  case origin
  /// `http://host/path?query`
  case absolute
  /// `host:port`, with CONNECT only
  case authority
  /// `*`, with OPTIONS only
  case asterisk
}

/// The head of one request, as offsets into the bytes that were parsed. One per worker, reused: parsing allocates
/// nothing. The offsets are good only while those bytes stay where they are, so write what goes on before taking them
/// from the buffer.
///
/// After anything but `complete`, the properties mean nothing.
public struct RequestHead: ~Copyable {
  public internal(set) var method = Method.other
  public internal(set) var form = TargetForm.origin
  /// 0 or 1: the request is HTTP/1.0 or HTTP/1.1.
  public internal(set) var minorVersion: UInt8 = 1
  public internal(set) var framing = BodyFraming.none
  /// The client lets the connection go on after the answer.
  public internal(set) var keepAlive = false
  /// The client waits for `100 Continue` before it sends the body.
  public internal(set) var expectsContinue = false
  /// The client offers another protocol: an `Upgrade` field that `Connection` lists. To ignore it is always allowed.
  public internal(set) var hasUpgrade = false
  /// `Connection` lists something other than `close` and `keep-alive`.
  public internal(set) var hasConnectionOptions = false
  /// To be written before ``pathRange``: `/` or `*` where an absolute-form target has no path of its own, else 0.
  public internal(set) var pathLead: UInt8 = 0
  public internal(set) var methodRange = 0..<0
  public internal(set) var targetRange = 0..<0
  /// What goes upstream as the target, byte for byte, after ``pathLead``: the target itself, or of an absolute-form
  /// target what follows the authority. Empty in authority form.
  public internal(set) var pathRange = 0..<0
  /// The effective host with its port: the target's authority if it has one, else the Host field. Valid characters
  /// only; empty only in HTTP/1.0 without Host.
  public internal(set) var hostRange = 0..<0
  public internal(set) var fields = FieldTable()

  public init() {}

  /// Parses a whole head from the start of `bytes`; what follows the head is not looked at. Use the other form where
  /// the head may come in pieces.
  public mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits = .standard) -> HeadParse {
    fields.removeAll()
    let end = min(bytes.count, limits.maxBytes)
    var i = HeadLines.skipEmptyLine(bytes, end)
    if let stop = parseRequestLine(bytes, &i, end, limits) {
      return HeadLines.bounded(stop, bytes.count, limits)
    }
    let lines = fields.parseLines(bytes, from: i, to: end, maxFields: limits.maxFields)
    guard case .complete = lines else { return HeadLines.bounded(lines, bytes.count, limits) }
    if let fault = interpret(bytes, limits) { return .fault(fault) }
    return lines
  }

  /// Like `parse(_:limits:)` for a head that may still be growing. `scan` belongs to the connection; it bounds the
  /// work for a head that comes in many pieces and starts anew by itself after each end.
  public mutating func parse(_ bytes: Span<UInt8>, limits: HeadLimits, scan: inout HeadScan) -> HeadParse {
    guard scan.shouldParse(bytes) else { return HeadLines.bounded(.incomplete, bytes.count, limits) }
    let result = parse(bytes, limits: limits)
    scan.parsed(bytes.count, result)
    return result
  }
}

// The request line (RFC 9112 §3)

extension RequestHead {
  /// Nil when the line is complete and `i` stands behind it.
  @inline(__always) private mutating func parseRequestLine(
    _ s: Span<UInt8>, _ i: inout Int, _ end: Int, _ limits: HeadLimits
  ) -> HeadParse? {
    let methodStart = i
    while i < end, isToken(s[i]) { i &+= 1 }
    if i &- methodStart > limits.maxMethod { return .fault(.methodTooLong) }
    guard i < end else { return .incomplete }
    guard s[i] == 0x20, i > methodStart else { return HeadLines.badMethod(s, at: i, end) }
    methodRange = methodStart..<i
    i &+= 1
    let targetStart = i
    i = firstControlOrSpace(s, from: i, to: end)
    if i &- targetStart > limits.maxTarget { return .fault(.targetTooLong) }
    guard i < end else { return .incomplete }
    guard s[i] == 0x20 else { return .fault(HeadLines.badTargetEnd(s[i])) }
    guard i > targetStart else { return .fault(.badTarget) }
    targetRange = targetStart..<i
    i &+= 1
    return parseVersion(s, &i, end)
  }

  @inline(__always) private mutating func parseVersion(_ s: Span<UInt8>, _ i: inout Int, _ end: Int) -> HeadParse? {
    guard i &+ 10 <= end else { return HeadLines.cutVersion(s, from: i, to: end) }
    let version = word(s, at: i)
    if version == ascii("H", "T", "T", "P", "/", "1", ".", "1") {
      minorVersion = 1
    } else if version == ascii("H", "T", "T", "P", "/", "1", ".", "0") {
      minorVersion = 0
    } else {
      return .fault(HeadLines.versionFault(s, at: i, method: methodRange, target: targetRange))
    }
    i &+= 10
    if s[i &- 2] == carriageReturn, s[i &- 1] == lineFeed { return nil }
    return .fault(HeadLines.badLineEnd(s[i &- 2]))
  }
}

// What the lines mean together

extension RequestHead {
  @inline(__always) private mutating func interpret(_ s: Span<UInt8>, _ limits: HeadLimits) -> HTTPFault? {
    method = Method(s, methodRange)
    if let fault = interpretHost(s) { return fault }
    if let fault = interpretTarget(s) { return fault }
    switch fields.declaredLength(s, minorVersion: minorVersion) {
    case .failure(let fault): return fault
    case .success(.none): framing = .none
    case .success(.chunked): framing = .chunked
    case .success(.length(let n)): framing = n == 0 ? .none : .length(n)
    }
    return interpretOptions(s, limits)
  }

  private mutating func interpretOptions(_ s: Span<UInt8>, _ limits: HeadLimits) -> HTTPFault? {
    var options = ConnectionOptions()
    if let fault = fields.applyConnection(s, limit: limits.maxConnectionOptions, into: &options) { return fault }
    keepAlive = !options.close && (minorVersion == 1 || options.keepAlive)
    hasConnectionOptions = options.hasOthers
    hasUpgrade = options.upgrade && fields.contains(.upgrade)
    expectsContinue = false
    guard let expect = fields.first(.expect), minorVersion == 1 else { return nil }
    if fields.hasSeveral(.expect) || !s.equals(expect.valueRange, "100-continue") { return .unknownExpectation }
    expectsContinue = framing != .none
    return nil
  }

  private mutating func interpretHost(_ s: Span<UInt8>) -> HTTPFault? {
    hostRange = 0..<0
    guard let host = fields.first(.host) else { return minorVersion == 1 ? .missingHost : nil }
    if fields.hasSeveral(.host) { return .duplicateHost }
    hostRange = host.valueRange
    return Authority.isValid(s, hostRange, needsPort: false) ? nil : .badHost
  }
}
