import Memory

extension FieldName {
  /// The names as they are written, in lower case. Families (`l5d-…`) are recognised by their first bytes instead.
  static let spellings: [(FieldName, String)] = [
    (.host, "host"), (.contentLength, "content-length"), (.transferEncoding, "transfer-encoding"), (.expect, "expect"),
    (.connection, "connection"), (.keepAlive, "keep-alive"), (.proxyConnection, "proxy-connection"),
    (.proxyAuthenticate, "proxy-authenticate"), (.proxyAuthorization, "proxy-authorization"), (.te, "te"),
    (.upgrade, "upgrade"), (.http2Settings, "http2-settings"),
    (.via, "via"), (.forwarded, "forwarded"), (.xForwardedFor, "x-forwarded-for"),
    (.xForwardedProto, "x-forwarded-proto"),
    (.xForwardedHost, "x-forwarded-host"), (.xRealIP, "x-real-ip"), (.maxForwards, "max-forwards"),
    (.authorization, "authorization"), (.cookie, "cookie"), (.setCookie, "set-cookie"), (.origin, "origin"),
    (.trailer, "trailer"), (.contentType, "content-type"), (.contentEncoding, "content-encoding"), (.date, "date"),
    (.server, "server"), (.retryAfter, "retry-after"), (.location, "location"), (.userAgent, "user-agent"),
    (.accept, "accept"), (.cacheControl, "cache-control"),
    (.grpcStatus, "grpc-status"), (.grpcMessage, "grpc-message"), (.grpcTimeout, "grpc-timeout"),
    (.grpcEncoding, "grpc-encoding"),
    (.traceparent, "traceparent"), (.tracestate, "tracestate"), (.b3, "b3"), (.xRequestID, "x-request-id"),
    (.l5dDtab, "l5d-dtab"), (.l5dCtxDtab, "l5d-ctx-dtab"), (.l5dCtxDeadline, "l5d-ctx-deadline"),
    (.l5dCtxTrace, "l5d-ctx-trace"), (.l5dSample, "l5d-sample"), (.l5dReqid, "l5d-reqid"),
    (.l5dRetryable, "l5d-retryable"), (.l5dSuccessClass, "l5d-success-class"), (.l5dDstService, "l5d-dst-service"),
    (.l5dDstClient, "l5d-dst-client"), (.l5dDstResidual, "l5d-dst-residual"), (.l5dErr, "l5d-err"),
    (.l5dDtabSignature, "l5d-dtab-signature"), (.l5dCtxDtabSignature, "l5d-ctx-dtab-signature"),
    (.dtabLocal, "dtab-local"), (.heddleError, "heddle-error"), (.heddleExplain, "heddle-explain"),
  ]

  /// The name that `bytes` spell, in any case; `other` for unknown ones.
  public init(_ bytes: Span<UInt8>) {
    self = NameIndex.shared.name(NameKey(bytes, 0..<bytes.count, underscoreIsHyphen: false))
  }
}

/// Up to 24 bytes of a name, lowered, as three words: the first eight, the next eight of names above 16, and the last
/// eight of names above 8. With the length they decide equality for names of at most 24 bytes; no known one is
/// longer.
///
/// Lowering is `| 0x20`. Of token bytes it changes, besides letters, only `^` and `_`, which no known name has.
struct NameKey: Hashable {
  var first: UInt64 = 0
  var middle: UInt64 = 0
  var last: UInt64 = 0
  var length: Int
}

extension NameKey {
  /// The name at `start ..< end`, all token bytes. Words may be read up to `readable`; a short name at the very end
  /// is read by bytes.
  @inline(__always) init(_ s: Span<UInt8>, from start: Int, to end: Int, readable: Int) {
    let length = end &- start
    if length > 8 {
      self.init(
        first: word(s, at: start) | NameKey.lowerCase, last: word(s, at: end &- 8) | NameKey.lowerCase, length: length)
      if length > 16 { middle = word(s, at: start &+ 8) | NameKey.lowerCase }
    } else if length > 0, start &+ 8 <= readable {
      let mask = UInt64.max &>> UInt64(truncatingIfNeeded: 64 &- 8 &* length)
      self.init(first: (word(s, at: start) | NameKey.lowerCase) & mask, length: length)
    } else {
      self.init(s, start..<end, underscoreIsHyphen: false)
    }
  }

  /// Byte by byte; with `underscoreIsHyphen` it is the name as a careless server would read it.
  init(_ s: Span<UInt8>, _ range: Range<Int>, underscoreIsHyphen: Bool) {
    self.init(length: range.count)
    let start = range.lowerBound
    for i in 0..<min(length, 8) { first |= NameKey.lower(s[start &+ i], underscoreIsHyphen, at: i) }
    if length > 8 {
      for i in 0..<8 { last |= NameKey.lower(s[range.upperBound &- 8 &+ i], underscoreIsHyphen, at: i) }
    }
    if length > 16 {
      for i in 0..<8 { middle |= NameKey.lower(s[start &+ 8 &+ i], underscoreIsHyphen, at: i) }
    }
  }

  private static func lower(_ byte: UInt8, _ underscoreIsHyphen: Bool, at place: Int) -> UInt64 {
    UInt64(underscoreIsHyphen && byte == UInt8(ascii: "_") ? UInt8(ascii: "-") : byte | 0x20) &<< UInt64(8 &* place)
  }

  /// Families of names: any `l5d-…` and `heddle-…` is the mesh's, whether or not it is one that we write.
  @inline(__always) var family: FieldName {
    if first & 0xffff_ffff == ascii("l", "5", "d", "-"), length > 4 {
      return first == ascii("l", "5", "d", "-", "c", "t", "x", "-") ? .l5dCtx : .l5d
    }
    if first & 0xff_ffff_ffff_ffff == ascii("h", "e", "d", "d", "l", "e", "-"), length > 7 { return .heddle }
    if first & 0xff_ffff_ffff == ascii("x", "-", "b", "3", "-"), length > 5 { return .xB3 }
    if first == ascii("x", "-", "f", "o", "r", "w", "a", "r"), length > 10, isForwardedFamily {
      return .xForwardedOther
    }
    return .other
  }

  /// After `x-forwar` comes `ded-`: names of 17 and more bytes keep that in `middle`, shorter ones in `last`; or `ded` and
  /// no more.
  private var isForwardedFamily: Bool {
    if length > 16 { return middle & 0xffff_ffff == ascii("d", "e", "d", "-") }
    if length == 11 { return last == ascii("o", "r", "w", "a", "r", "d", "e", "d") }
    return (last &>> UInt64(truncatingIfNeeded: 8 &* (16 &- length))) & 0xffff_ffff == ascii("d", "e", "d", "-")
  }

  static let lowerCase: UInt64 = 0x2020_2020_2020_2020

  /// A slot of the index. The multipliers are odd constants with mixed bits; the upper bits of the product are the
  /// best.
  @inline(__always) var slot: Int {
    let mixed =
      (first ^ (last &* 0x9e37_79b9_7f4a_7c15) ^ middle ^ UInt64(truncatingIfNeeded: length)) &* 0xd6e8_feb8_6659_fd93
    return Int(truncatingIfNeeded: mixed &>> 56)
  }
}

/// Known names by key: open addressing, 256 slots, a quarter full, so that an unknown name meets an empty slot at once.
///
/// Each ``FieldTable`` keeps its own reference: on Linux every access to a global that is initialised lazily calls
/// `swift_once`.
struct NameIndex {
  private var slots: [(key: NameKey, name: FieldName)]

  static let shared = NameIndex()

  private init() {
    slots = Array(repeating: (NameKey(length: 0), .other), count: 256)
    for (name, spelling) in FieldName.spellings {
      let bytes = Array(spelling.utf8)
      let key = NameKey(bytes.span, 0..<bytes.count, underscoreIsHyphen: false)
      var i = key.slot
      while slots[i].name != .other { i = (i &+ 1) & 255 }
      slots[i] = (key, name)
    }
  }

  /// The known name or the family that `key` belongs to. Names above 24 bytes can only be of a family.
  @inline(__always) func name(_ key: NameKey) -> FieldName {
    var i = key.slot
    while slots[i].name != .other {
      if slots[i].key == key, key.length <= 24 { return slots[i].name }
      i = (i &+ 1) & 255
    }
    return key.family
  }
}
