/// Bounds of one message head. All sizes are in bytes. At each limit parsing stops with the fault named, nothing is
/// forwarded and the connection closes.
public struct HeadLimits: Hashable, Sendable {
  /// Whole head with its final empty line; 431 `headTooLarge`. Default 60 KiB: room for large cookies, and below the
  /// 64 KiB that 16-bit field lengths reach, which is why 65 535 is the most.
  public let maxBytes: Int
  /// Field lines; 431 `tooManyFields`. Default 100, as common servers have it; at most ``FieldTable/capacity``.
  public let maxFields: Int
  /// Request target; 414 `targetTooLong`. Default 8 KiB, the usual bound of servers behind us.
  public let maxTarget: Int
  /// Method; 501 `methodTooLong` (RFC 9112 §3). Default 32: the longest registered method has 17 letters.
  public let maxMethod: Int
  /// Elements in all `Connection` fields together; 431 `tooManyConnectionOptions`. Default 32: each option is
  /// compared with each field, so this keeps a head's cost linear.
  public let maxConnectionOptions: Int

  /// The defaults.
  public static var standard: HeadLimits { HeadLimits() }

  /// Values out of range are brought into it.
  public init(
    maxBytes: Int = 61_440, maxFields: Int = 100, maxTarget: Int = 8192, maxMethod: Int = 32,
    maxConnectionOptions: Int = 32
  ) {
    self.maxBytes = min(max(maxBytes, 64), 65_535)
    self.maxFields = min(max(maxFields, 1), FieldTable.capacity)
    self.maxTarget = min(max(maxTarget, 1), 65_535)
    self.maxMethod = min(max(maxMethod, 1), 1024)
    self.maxConnectionOptions = min(max(maxConnectionOptions, 1), 1024)
  }
}

/// What parsing a head came to.
public enum HeadParse: Hashable, Sendable {
  /// More bytes are needed.
  case incomplete
  /// The head is the first `Int` bytes.
  case complete(Int)
  case fault(HTTPFault)
}

/// Host, name and address limits that are no setting: RFC 1035 gives a name 253 bytes, a port adds 6.
let maxHostBytes = 255
