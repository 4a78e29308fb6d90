import Memory

/// The body of a Tdispatch. Ranges are of that body.
public struct MuxDispatch: Hashable, Sendable {
  /// Contexts, and dentries, of one request. 256: far beyond any use.
  public static let most = 256

  public let contexts: [MuxPair]
  /// Where the caller wants the request to go, a path; may be empty.
  public let destination: Range<Int>
  /// Dentries of the request's own.
  public let delegations: [MuxPair]
  /// Where the application's bytes begin.
  public let payload: Int

  public init(_ body: Span<UInt8>) throws(MuxFault) {
    var cursor = ByteCursor()
    contexts = try MuxPair.list(&cursor, body)
    guard let destination = cursor.counted(2, body) else { throw .truncated }
    self.destination = destination
    delegations = try MuxPair.list(&cursor, body)
    payload = cursor.offset
  }

  /// Writes a body's front without contexts and dentries; the application's bytes follow.
  public static func append(destination: Span<UInt8>, to output: inout ByteBuffer) {
    output.append(bigEndian: 0, width: 2)
    output.append(counted: destination, width: 2)
    output.append(bigEndian: 0, width: 2)
  }
}

/// The body of a Treq, the older form of a request: it has no destination.
public struct MuxRequest: Hashable, Sendable {
  /// Where the application's bytes begin.
  public let payload: Int

  public init(_ body: Span<UInt8>) throws(MuxFault) {
    var cursor = ByteCursor()
    guard let count = cursor.byte(body) else { throw .truncated }
    for _ in 0..<count {
      guard cursor.byte(body) != nil, cursor.counted(1, body) != nil else { throw .truncated }
    }
    payload = cursor.offset
  }
}

/// How a request went.
public enum MuxStatus: UInt8, Sendable {
  case ok = 0
  /// The body is the reason, a text.
  case error = 1
  /// Nothing was done: the request may be sent again.
  case nack = 2
}

/// The body of an Rdispatch or Rreq.
public struct MuxReply: Hashable, Sendable {
  public let status: MuxStatus
  /// Of an Rdispatch.
  public let contexts: [MuxPair]
  /// Where the application's bytes begin, or the reason.
  public let payload: Int

  /// - Parameter hasContexts: true for an Rdispatch.
  public init(_ body: Span<UInt8>, hasContexts: Bool) throws(MuxFault) {
    var cursor = ByteCursor()
    guard let code = cursor.byte(body) else { throw .truncated }
    guard let status = MuxStatus(rawValue: code) else { throw .badStatus(code) }
    self.status = status
    contexts = hasContexts ? try MuxPair.list(&cursor, body) : []
    payload = cursor.offset
  }

  /// Bytes in front of the application's when there are no contexts.
  public static func frontSize(hasContexts: Bool) -> Int { hasContexts ? 3 : 1 }

  /// Writes a body's front without contexts.
  public static func append(_ status: MuxStatus, hasContexts: Bool, to output: inout ByteBuffer) {
    output.append(status.rawValue)
    if hasContexts { output.append(bigEndian: 0, width: 2) }
  }
}

/// The body of a Tinit or Rinit: the version of Mux, and parameters.
public struct MuxInit: Hashable, Sendable {
  /// The version that is spoken here.
  public static let version: UInt16 = 1

  public let version: UInt16
  public private(set) var parameters: [MuxPair] = []

  public init(_ body: Span<UInt8>) throws(MuxFault) {
    var cursor = ByteCursor()
    guard let version = cursor.number(2, body) else { throw .truncated }
    self.version = UInt16(version)
    while cursor.remaining(in: body) > 0 {
      guard parameters.count < MuxDispatch.most else { throw .tooMany }
      parameters.append(try MuxPair.read(4, &cursor, body))
    }
  }
}

/// The body of a Tdiscarded: the tag of the request that nobody waits for, then why.
public func muxDiscardedTag(_ body: Span<UInt8>) throws(MuxFault) -> UInt32 {
  var cursor = ByteCursor()
  guard let tag = cursor.number(3, body) else { throw .truncated }
  return UInt32(tag) & MuxFrame.greatestTag
}

/// The body of a Tlease, in milliseconds; nil for a unit that is not known.
public func muxLeaseMilliseconds(_ body: Span<UInt8>) throws(MuxFault) -> UInt64? {
  var cursor = ByteCursor()
  guard let unit = cursor.byte(body), let amount = cursor.number(8, body) else { throw .truncated }
  return unit == 0 ? amount : nil
}
