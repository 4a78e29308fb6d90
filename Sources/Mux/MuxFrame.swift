import Memory

/// The types of Mux messages (Finagle's package com.twitter.finagle.mux): T messages ask, R messages of the negated number answer.
public enum MuxType: Int8, Sendable {
  case request = 1
  case requestReply = -1
  case dispatch = 2
  case dispatchReply = -2
  case drain = 64
  case drainReply = -64
  case ping = 65
  case pingReply = -65
  /// The caller is no longer interested. A marker: it has tag 0.
  case discarded = 66
  case discardedReply = -66
  /// For how long requests are welcome. A marker.
  case lease = 67
  case initialize = 68
  case initializeReply = -68
  /// The session could not act on a message.
  case error = -128

  /// Numbers that early releases of Finagle sent by mistake are understood as well.
  init?(wire: UInt8) {
    switch Int8(bitPattern: wire) {
    case -62: self = .discarded
    case 127: self = .error
    case let number:
      guard let known = MuxType(rawValue: number) else { return nil }
      self = known
    }
  }
}

/// The front of a Mux message behind its length: type and tag.
public struct MuxFrame: Hashable, Sendable {
  /// nil: a type that is not known.
  public let type: MuxType?
  /// The type as it came.
  public let wireType: UInt8
  /// 0 … `greatestTag`; 0 marks a message that has no answer.
  public let tag: UInt32
  /// More of the same message follows.
  public let isFragment: Bool

  /// Tags have 23 bits.
  public static let greatestTag: UInt32 = 0x7f_ffff
  /// Bytes of type and tag: the body begins behind them.
  public static let headSize = 4
  /// The bit of a tag that says that a fragment follows.
  private static let fragmentBit: UInt32 = 0x80_0000

  /// Reads the front of a message whose length was taken off.
  public init(_ bytes: Span<UInt8>) throws(MuxFault) {
    var cursor = ByteCursor()
    guard let type = cursor.byte(bytes), let word = cursor.number(3, bytes) else { throw .truncated }
    self.type = MuxType(wire: type)
    wireType = type
    let tag = UInt32(truncatingIfNeeded: word)
    self.tag = tag & Self.greatestTag
    isFragment = tag & Self.fragmentBit != 0
  }

  /// Writes length, type and tag of a message whose body of `bodyCount` bytes follows.
  public static func append(
    _ type: MuxType, tag: UInt32, bodyCount: Int, isFragment: Bool = false, to output: inout ByteBuffer
  ) {
    output.append(bigEndian: UInt64(headSize &+ bodyCount), width: 4)
    output.append(UInt8(bitPattern: type.rawValue))
    output.append(bigEndian: UInt64(tag & greatestTag | (isFragment ? fragmentBit : 0)), width: 3)
  }
}

/// Bytes with a name: a context of a request, a parameter of a session, a dentry. Ranges are of the bytes that were read.
public struct MuxPair: Hashable, Sendable {
  public let first: Range<Int>
  public let second: Range<Int>

  /// - Parameter width: bytes of each length.
  static func read(_ width: Int, _ cursor: inout ByteCursor, _ bytes: Span<UInt8>) throws(MuxFault) -> MuxPair {
    guard let first = cursor.counted(width, bytes), let second = cursor.counted(width, bytes) else { throw .truncated }
    return MuxPair(first: first, second: second)
  }

  /// Pairs behind their count.
  static func list(_ cursor: inout ByteCursor, _ bytes: Span<UInt8>) throws(MuxFault) -> [MuxPair] {
    guard let count = cursor.number(2, bytes) else { throw .truncated }
    guard count <= UInt64(MuxDispatch.most) else { throw .tooMany }
    var pairs: [MuxPair] = []
    for _ in 0..<count { pairs.append(try read(2, &cursor, bytes)) }
    return pairs
  }
}
