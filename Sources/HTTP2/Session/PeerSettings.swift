import Memory

/// What the peer has said of itself (RFC 9113 §6.5.2), and what holds before it has.
struct PeerSettings: Sendable {
  /// SETTINGS_MAX_CONCURRENT_STREAMS; unlimited by the RFC until it was said.
  private(set) var streamLimit = Int.max
  /// Streams that are sure to be taken: a hundred, which the RFC recommends as the least, until the limit was said.
  var concurrentStreams: Int { streamLimit == .max ? 100 : streamLimit }
  private(set) var initialWindow = FlowWindow.initialSize
  private(set) var takesExtendedConnect = false

  /// A setting that asks for more than the peer's own record.
  enum Change {
    case none
    case headerTable(UInt32)
    case fault(HTTP2ErrorCode)
  }

  mutating func apply(_ id: UInt16, _ value: UInt32, from role: HTTP2Role) -> Change {
    switch id {
    case 1: return .headerTable(value)
    case 2: if value > 1 || (value == 1 && role == .server) { return .fault(.protocolError) }
    case 3: streamLimit = Int(value)
    case 4:
      guard value <= UInt32(FlowWindow.largest) else { return .fault(.flowControlError) }
      initialWindow = Int(value)
    case 5:  // it may allow more than we send
      guard value >= UInt32(FrameHeader.payloadLimit), value < 1 &<< 24 else { return .fault(.protocolError) }
    case 8:
      // RFC 8441 §3: once said, not taken back.
      guard value <= 1, !(takesExtendedConnect && value == 0) else { return .fault(.protocolError) }
      takesExtendedConnect = value == 1
    default: break  // one that we do not know is passed over
    }
    return .none
  }
}
