import Memory

/// The rare cases of start lines, kept out of the hot loops.
enum HeadLines {
  /// One empty line before a request line is passed over: old clients send one behind a body (RFC 9112 §2.2).
  @inline(__always) static func skipEmptyLine(_ s: Span<UInt8>, _ end: Int) -> Int {
    end >= 2 && s[0] == carriageReturn && s[1] == lineFeed ? 2 : 0
  }

  /// No token, or none that a space follows. A lone carriage return may be the first half of an empty line.
  static func badMethod(_ s: Span<UInt8>, at i: Int, _ end: Int) -> HeadParse {
    i == 0 && end == 1 && s[i] == carriageReturn ? .incomplete : .fault(s[i] == lineFeed ? .bareLineFeed : .badMethod)
  }

  /// `incomplete` with as many bytes as a head may have is a head that is too large.
  @inline(__always) static func bounded(_ result: HeadParse, _ count: Int, _ limits: HeadLimits) -> HeadParse {
    result == .incomplete && count >= limits.maxBytes ? .fault(.headTooLarge) : result
  }

  /// The target ended with something other than a space.
  static func badTargetEnd(_ byte: UInt8) -> HTTPFault {
    switch byte {
    case carriageReturn: .badVersion  // HTTP/0.9: a request line without version
    case lineFeed: .bareLineFeed
    default: .controlCharacter
    }
  }

  /// Behind the version stands something other than CR LF.
  static func badLineEnd(_ byte: UInt8) -> HTTPFault {
    switch byte {
    case carriageReturn: .bareCarriageReturn
    case lineFeed: .bareLineFeed
    default: .badVersion
    }
  }

  /// Fewer bytes than `HTTP/1.1` and a line end: wrong as soon as one of them is.
  @inline(never) static func cutVersion(_ s: Span<UInt8>, from start: Int, to end: Int) -> HeadParse {
    let expected: InlineArray<10, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2f, 0, 0x2e, 0, 0x0d, 0x0a]
    for i in start..<end {
      let wanted = expected[i &- start]
      if wanted == 0 ? isDigit(s[i]) : s[i] == wanted { continue }
      return .fault(i &- start >= 8 ? badLineEnd(s[i]) : s[i] == lineFeed ? .bareLineFeed : .badVersion)
    }
    return .incomplete
  }

  /// Eight bytes that are neither version we speak; `s` has ten from `i`.
  @inline(never) static func versionFault(_ s: Span<UInt8>, at i: Int, method: Range<Int>, target: Range<Int>)
    -> HTTPFault
  {
    let isVersion =
      equals(s.extracting(i..<(i &+ 5)), "HTTP/") && isDigit(s[i &+ 5]) && s[i &+ 6] == 0x2e && isDigit(s[i &+ 7])
    guard isVersion else { return .badVersion }
    let isPreface = equals(s.extracting(method), "PRI") && target.count == 1 && s[i &+ 5] == UInt8(ascii: "2")
    return isPreface ? .http2Preface : .unsupportedVersion
  }
}

extension Method {
  /// The method at a range of token bytes.
  @inline(__always) init(_ s: Span<UInt8>, _ range: Range<Int>) {
    guard range.count <= 8 else {
      self = .other
      return
    }
    var packed: UInt64 = 0
    var shift: UInt64 = 0
    for i in range {
      packed |= UInt64(s[i]) &<< shift
      shift &+= 8
    }
    self.init(packed: packed)
  }
}
