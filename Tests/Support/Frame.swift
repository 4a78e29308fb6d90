import HTTP2

/// Frames of HTTP/2 made by hand, right and wrong ones (RFC 9113 §4.1).
public enum Frame {
  public static let preface = bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

  public static func make(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
    let n = payload.count
    return [UInt8(n >> 16), UInt8(n >> 8 & 255), UInt8(n & 255), type, flags] + number(stream) + payload
  }

  public static func number(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }

  /// Empty settings.
  public static let settings = make(4, 0, 0, [])

  public static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false, flags: UInt8 = 0) -> [UInt8] {
    make(0, flags | (end ? 1 : 0), stream, payload)
  }

  /// - Parameter block: HPACK.
  public static func headers(_ stream: UInt32, _ block: [UInt8], end: Bool = true, isWhole: Bool = true) -> [UInt8] {
    make(1, (end ? 1 : 0) | (isWhole ? 4 : 0), stream, block)
  }

  public static func continuation(_ stream: UInt32, _ block: [UInt8], isWhole: Bool = true) -> [UInt8] {
    make(9, isWhole ? 4 : 0, stream, block)
  }

  public static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> [UInt8] { make(3, 0, stream, number(code)) }

  public static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> [UInt8] { make(8, 0, stream, number(increment)) }

  public static func ping(_ payload: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]) -> [UInt8] { make(6, 0, 0, payload) }

  /// A field as a literal without indexing, not Huffman-coded (RFC 7541 §6.2.2): whatever bytes it holds.
  public static func field(_ name: String, _ value: String) -> [UInt8] {
    [0] + length(name.utf8.count) + bytes(name) + length(value.utf8.count) + bytes(value)
  }

  public static func block(_ fields: [(String, String)]) -> [UInt8] { fields.flatMap { field($0.0, $0.1) } }

  /// An integer behind a prefix of seven bits (RFC 7541 §5.1).
  private static func length(_ value: Int) -> [UInt8] {
    if value < 127 { return [UInt8(value)] }
    var (bytes, rest): ([UInt8], Int) = ([127], value - 127)
    while rest >= 128 {
      bytes.append(UInt8(rest & 127 | 128))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

/// A frame that came.
public struct ReceivedFrame: Sendable {
  public let type: UInt8
  public let flags: UInt8
  public let stream: UInt32
  public let payload: [UInt8]

  /// The frames in `bytes`; a part of one at the end is left out.
  public static func all(in bytes: [UInt8]) -> [ReceivedFrame] {
    var frames: [ReceivedFrame] = []
    var at = 0
    while at + 9 <= bytes.count {
      let length = Int(bytes[at]) << 16 | Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
      guard at + 9 + length <= bytes.count else { break }
      frames.append(
        ReceivedFrame(
          type: bytes[at + 3], flags: bytes[at + 4], stream: number(bytes[(at + 5)..<(at + 9)]),
          payload: Array(bytes[(at + 9)..<(at + 9 + length)])))
      at += 9 + length
    }
    return frames
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  /// The code of a GOAWAY or an RST_STREAM.
  public var code: HTTP2ErrorCode? {
    switch type {
    case 3 where payload.count == 4: HTTP2ErrorCode(rawValue: Self.number(payload[...]))
    case 7 where payload.count >= 8: HTTP2ErrorCode(rawValue: Self.number(payload[4..<8]))
    default: nil
    }
  }
}
