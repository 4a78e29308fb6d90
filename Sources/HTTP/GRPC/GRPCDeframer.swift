import Memory

/// What a stream of gRPC frames yields next.
public enum GRPCFrame: Hashable, Sendable {
  case message([UInt8])
  case needMore
  /// The stream ends with this status; nothing more comes out of it.
  case fault(GRPCStatus)
}

/// Cuts length-prefixed messages out of a stream's bytes (gRPC over HTTP/2, "Length-Prefixed-Message"). Holds at most
/// one message of the limit, plus what was received beyond it.
public struct GRPCDeframer: ~Copyable {
  /// Bytes of a prefix: a flag and a 32-bit length.
  public static let prefixBytes = 5

  private let limit: Int
  private var input = ByteBuffer()
  private var failure: GRPCStatus?

  /// `limit` is the largest message in bytes. A longer one ends the stream with `RESOURCE_EXHAUSTED` as soon as its
  /// prefix came, before any of it is stored.
  public init(limit: Int) { self.limit = max(limit, 0) }

  /// Bytes received and not yet given out.
  public var bufferedCount: Int { input.count }

  /// Takes over the next bytes of the stream. After a fault they are dropped.
  public mutating func receive(_ bytes: Span<UInt8>) {
    if failure == nil { input.append(bytes) }
  }

  /// The next message, if it is here whole. Call until `needMore`.
  public mutating func next() -> GRPCFrame {
    if let failure { return .fault(failure) }
    guard input.count >= GRPCDeframer.prefixBytes else { return .needMore }
    let flag = input.span[0]
    guard flag == 0 else {
      return fail(
        flag == 1
          ? GRPCStatus(.unimplemented, "compressed messages are not supported")
          : GRPCStatus(.internal, "a message with an unknown flag"))
    }
    let length = input.span.bigEndian32(at: 1)
    guard length <= limit else { return fail(GRPCStatus(.resourceExhausted, "a message above \(limit) bytes")) }
    let end = GRPCDeframer.prefixBytes &+ length
    guard input.count >= end else { return .needMore }
    let message = input.span.copy(GRPCDeframer.prefixBytes..<end)
    input.removeFirst(end)
    return .message(message)
  }

  /// The peer has ended the stream: nil if no message was cut in two.
  public func endOfInput() -> GRPCStatus? {
    if let failure { return failure }
    return input.isEmpty ? nil : GRPCStatus(.internal, "the stream ended within a message")
  }

  private mutating func fail(_ status: GRPCStatus) -> GRPCFrame {
    failure = status
    input.release()
    return .fault(status)
  }
}

/// The message with its prefix, not compressed. At most `UInt32.max` bytes.
public func grpcFrame(_ message: [UInt8]) -> [UInt8] {
  precondition(message.count <= Int(UInt32.max))
  let n = message.count
  var frame: [UInt8] = []
  frame.reserveCapacity(GRPCDeframer.prefixBytes + n)
  frame.append(0)
  for shift in [24, 16, 8, 0] { frame.append(UInt8(truncatingIfNeeded: n &>> shift)) }
  frame += message
  return frame
}

extension Span<UInt8> {
  fileprivate func bigEndian32(at i: Int) -> Int {
    Int(self[i]) &<< 24 | Int(self[i &+ 1]) &<< 16 | Int(self[i &+ 2]) &<< 8 | Int(self[i &+ 3])
  }

  fileprivate func copy(_ range: Range<Int>) -> [UInt8] {
    Array(capacity: range.count) { output in
      for i in range { output.append(self[i]) }
    }
  }
}
