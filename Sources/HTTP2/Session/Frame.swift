import Memory

/// What a frame is (RFC 9113 §6). Others are kept as they came, and passed over.
struct FrameType: RawRepresentable, Hashable, Sendable {
  let rawValue: UInt8

  static let data = FrameType(rawValue: 0)
  static let headers = FrameType(rawValue: 1)
  static let priority = FrameType(rawValue: 2)
  static let reset = FrameType(rawValue: 3)
  static let settings = FrameType(rawValue: 4)
  static let pushPromise = FrameType(rawValue: 5)
  static let ping = FrameType(rawValue: 6)
  static let goAway = FrameType(rawValue: 7)
  static let windowUpdate = FrameType(rawValue: 8)
  static let continuation = FrameType(rawValue: 9)
}

/// Flags of a frame; what a bit means depends on the type.
struct FrameFlags: OptionSet, Sendable {
  let rawValue: UInt8

  /// Of SETTINGS and PING.
  static let acknowledgement = FrameFlags(rawValue: 0x1)
  /// Of DATA and HEADERS.
  static let endStream = FrameFlags(rawValue: 0x1)
  static let endHeaders = FrameFlags(rawValue: 0x4)
  static let padded = FrameFlags(rawValue: 0x8)
  static let priority = FrameFlags(rawValue: 0x20)
}

/// The nine bytes before each payload (RFC 9113 §4.1).
struct FrameHeader: Sendable {
  /// Bytes of a frame's header.
  static let size = 9
  /// Bytes of payload that we take, and send at most: SETTINGS_MAX_FRAME_SIZE as it is when nobody changes it (RFC 9113 §6.5.2).
  static let payloadLimit = 16_384

  /// Bytes of payload, 0 … 2²⁴ − 1.
  let length: Int
  let type: FrameType
  let flags: FrameFlags
  /// 0 for the connection; the reserved bit is left out.
  let stream: Int32

  init(_ type: FrameType, _ flags: FrameFlags, stream: Int32, length: Int) {
    self.type = type
    self.flags = flags
    self.stream = stream
    self.length = length
  }

  /// Reads the header at `start`; nine bytes must be there.
  init(_ bytes: Span<UInt8>, at start: Int) {
    let head = word(bytes, at: start).byteSwapped
    length = Int(head &>> 40)
    type = FrameType(rawValue: UInt8(truncatingIfNeeded: head &>> 32))
    flags = FrameFlags(rawValue: UInt8(truncatingIfNeeded: head &>> 24))
    let id = UInt32(truncatingIfNeeded: head) &<< 8 | UInt32(bytes[start &+ 8])
    stream = Int32(bitPattern: id & 0x7fff_ffff)
  }
}

extension ByteBuffer {
  /// Appends a frame's header.
  mutating func append(_ header: FrameHeader) {
    append(
      bigEndian: UInt64(header.length) &<< 16 | UInt64(header.type.rawValue) &<< 8 | UInt64(header.flags.rawValue),
      width: 5)
    append(bigEndian: UInt64(UInt32(bitPattern: header.stream)), width: 4)
  }

  /// Says the length of the frame whose header begins at `start`, and whose payload is the rest of the buffer.
  mutating func setFrameLength(at start: Int) {
    let length = count &- start &- FrameHeader.size
    overwrite(at: start, with: UInt8(truncatingIfNeeded: length &>> 16))
    overwrite(at: start &+ 1, with: UInt8(truncatingIfNeeded: length &>> 8))
    overwrite(at: start &+ 2, with: UInt8(truncatingIfNeeded: length))
  }
}

/// The number in four bytes at `start`.
func number(_ bytes: Span<UInt8>, at start: Int) -> UInt32 {
  UInt32(bytes[start]) &<< 24 | UInt32(bytes[start &+ 1]) &<< 16 | UInt32(bytes[start &+ 2]) &<< 8
    | UInt32(bytes[start &+ 3])
}
