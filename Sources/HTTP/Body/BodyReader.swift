import Memory

/// Decodes one message body piece by piece; the bytes stay where they are. At most 32 bytes, so that it can live in a
/// connection.
///
/// Call ``next(_:)`` in a loop, each time with the bytes from the first unconsumed one on, until it asks for more or
/// ends.
public struct BodyReader: Equatable, Sendable {
  private enum State: Equatable {
    case done
    case failed(HTTPFault)
    case length(remaining: UInt64)
    case untilClose
    case chunkSize(value: UInt64, digits: UInt8)
    case chunkExtension(size: UInt64)
    case chunkLineFeed(size: UInt64)
    case chunkData(remaining: UInt64)
    case chunkDataReturn
    case chunkDataLineFeed
    /// Without an end in the first `searched` bytes of the section.
    case trailers(searched: UInt32)
  }

  private var state: State
  private var extensionBytes: UInt16 = 0
  private let isOwn: Bool

  /// - Parameter isOwn: this program wrote the body, so that its trailers are well formed and are not judged again.
  public init(_ framing: BodyFraming, isOwn: Bool = false) {
    self.isOwn = isOwn
    state =
      switch framing {
      case .none, .length(0): .done
      case .length(let n): .length(remaining: n)
      case .untilClose: .untilClose
      case .chunked: .chunkSize(value: 0, digits: 0)
      }
  }

  /// Nothing more of the body will come.
  public var isDone: Bool { state == .done }

  /// Bytes that are surely still to come; nil when only the body itself can tell.
  public var remaining: UInt64? {
    switch state {
    case .done: 0
    case .length(let n): n
    default: nil
    }
  }

  /// The next part of the body. `bytes` begins at the first byte not consumed so far.
  public mutating func next(_ bytes: Span<UInt8>) -> BodyPart {
    let part = step(bytes)
    guard case .trailers = part, !isOwn else { return part }
    var fields = FieldTable()
    return judge(part, bytes, &fields)
  }

  /// As the other, with a table that holds the fields of a trailer section afterwards; their offsets are the section's.
  public mutating func next(_ bytes: Span<UInt8>, trailers fields: inout FieldTable) -> BodyPart {
    judge(step(bytes), bytes, &fields)
  }

  /// The part as it is, or what is wrong with the trailers in it.
  private mutating func judge(_ part: BodyPart, _ bytes: Span<UInt8>, _ fields: inout FieldTable) -> BodyPart {
    guard case .trailers(let start, let end, _) = part else { return part }
    switch fields.parseTrailers(bytes.extracting(start..<end)) {
    case .complete(end - start): return part
    case .complete, .incomplete: return fail(.bareLineFeed)
    case .fault(let fault): return fail(fault == .tooManyFields ? .trailersTooLarge : fault)
    }
  }

  private mutating func step(_ bytes: Span<UInt8>) -> BodyPart {
    switch state {
    case .done: return .end(consumed: 0)
    case .failed(let fault): return .fault(fault)
    case .length(let remaining):
      guard !bytes.isEmpty else { return .needMore(consumed: 0) }
      let n = BodyReader.available(bytes.count, of: remaining)
      state = UInt64(n) == remaining ? .done : .length(remaining: remaining &- UInt64(n))
      return .data(start: 0, end: n, consumed: n)
    case .untilClose:
      return bytes.isEmpty ? .needMore(consumed: 0) : .data(start: 0, end: bytes.count, consumed: bytes.count)
    default: return nextChunked(bytes)
    }
  }

  /// The connection has reached its end: nil if that ends the body, else it was cut short.
  public mutating func endOfInput() -> HTTPFault? {
    switch state {
    case .done: return nil
    case .untilClose:
      state = .done
      return nil
    case .failed(let fault): return fault
    default:
      state = .failed(.truncatedBody)
      return .truncatedBody
    }
  }

  private static func available(_ count: Int, of remaining: UInt64) -> Int {
    remaining < UInt64(count) ? Int(remaining) : count
  }

  private mutating func fail(_ fault: HTTPFault) -> BodyPart {
    state = .failed(fault)
    return .fault(fault)
  }
}

// Chunked (RFC 9112 §7.1), strictly: the size in hexadecimal digits, at once a `;` or the line's end; CR LF only.

extension BodyReader {
  private mutating func nextChunked(_ s: Span<UInt8>) -> BodyPart {
    var i = 0
    while i < s.count {
      let byte = s[i]
      switch state {
      case .chunkSize(let value, let digits):
        if let fault = receiveSize(byte, value, digits) { return fail(fault) }
      case .chunkExtension(let size):
        if let fault = receiveExtension(byte, size) { return fail(fault) }
      case .chunkLineFeed(let size):
        guard byte == lineFeed else { return fail(.bareCarriageReturn) }
        state = size == 0 ? .trailers(searched: 0) : .chunkData(remaining: size)
      case .chunkData(let remaining):
        let n = BodyReader.available(s.count &- i, of: remaining)
        state = UInt64(n) == remaining ? .chunkDataReturn : .chunkData(remaining: remaining &- UInt64(n))
        return .data(start: i, end: i &+ n, consumed: i &+ n)
      case .chunkDataReturn:
        guard byte == carriageReturn else { return fail(.missingChunkEnd) }
        state = .chunkDataLineFeed
      case .chunkDataLineFeed:
        guard byte == lineFeed else { return fail(.missingChunkEnd) }
        state = .chunkSize(value: 0, digits: 0)
      case .trailers(let searched): return nextTrailers(s, from: i, searched: Int(searched))
      case .done, .failed, .length, .untilClose: return step(s.extracting(i...))
      }
      i &+= 1
    }
    return .needMore(consumed: i)
  }

  private mutating func receiveSize(_ byte: UInt8, _ value: UInt64, _ digits: UInt8) -> HTTPFault? {
    if let digit = hexValue(byte) {
      let isTooLarge = digits >= BodyLimits.sizeDigits || value > UInt64(Int64.max) &>> 4
      if isTooLarge { return .badChunkSize }
      state = .chunkSize(value: value &<< 4 | UInt64(digit), digits: digits &+ 1)
      return nil
    }
    guard digits > 0 else { return .badChunkSize }
    switch byte {
    case carriageReturn: state = .chunkLineFeed(size: value)
    case UInt8(ascii: ";"): state = .chunkExtension(size: value)
    case lineFeed: return .bareLineFeed
    default: return .badChunkSize
    }
    return nil
  }

  /// Extensions are passed over; only their length and their characters are judged.
  private mutating func receiveExtension(_ byte: UInt8, _ size: UInt64) -> HTTPFault? {
    if byte == carriageReturn {
      state = .chunkLineFeed(size: size)
      return nil
    }
    if byte == lineFeed { return .bareLineFeed }
    if byte < 0x20 && byte != 0x09 || byte == 0x7f { return .badChunkExtension }
    extensionBytes &+= 1
    return extensionBytes > BodyLimits.extensionBytes ? .chunkExtensionsTooLong : nil
  }

  /// The section is handed out whole, so it stays in the input until its end has come. Only new bytes are searched.
  private mutating func nextTrailers(_ s: Span<UInt8>, from start: Int, searched: Int) -> BodyPart {
    let section = s.extracting(start...)
    guard let end = BodyReader.sectionEnd(section, from: searched) else {
      if section.count >= BodyLimits.trailerBytes { return fail(.trailersTooLarge) }
      state = .trailers(searched: UInt32(truncatingIfNeeded: section.count))
      return .needMore(consumed: start)
    }
    if end > BodyLimits.trailerBytes { return fail(.trailersTooLarge) }
    if end == 2, section[0] == carriageReturn {
      state = .done
      return .end(consumed: start &+ 2)
    }
    state = .done
    return .trailers(start: start, end: start &+ end, consumed: start &+ end)
  }

  /// The offset behind the line feed that ends the section, or behind one that shows it to be wrong (validation then
  /// says why).
  private static func sectionEnd(_ s: Span<UInt8>, from searched: Int) -> Int? {
    var i = searched
    while i < s.count {
      i = firstControl(s, from: i, to: s.count)
      if i < s.count, s[i] == lineFeed {
        let isCRLF = i >= 1 && s[i &- 1] == carriageReturn
        if !isCRLF || i == 1 || (i >= 3 && s[i &- 2] == lineFeed) { return i &+ 1 }
      }
      i &+= 1
    }
    return nil
  }
}
