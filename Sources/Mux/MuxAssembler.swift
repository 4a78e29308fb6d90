import Memory

/// Puts messages together that come in fragments: those of several tags may alternate.
public struct MuxAssembler: Sendable {
  /// Messages under assembly at a time. 64: a peer sends several large ones at once at most.
  public static let most = 64

  private let limit: Int
  private var parts: [UInt32: [UInt8]] = [:]
  /// Bytes of all that is under assembly.
  public private(set) var heldBytes = 0

  /// - Parameter limit: bytes of all messages under assembly together.
  public init(limit: Int) { self.limit = limit }

  /// Takes the next part of a message, `body`, and gives the whole when it was the last. nil: more follows.
  public mutating func take(_ frame: MuxFrame, _ body: Span<UInt8>) throws(MuxFault) -> [UInt8]? {
    switch frame.type {
    case .request, .requestReply, .dispatch, .dispatchReply, .error: break
    default: throw .badFragment
    }
    guard heldBytes &+ body.count <= limit else { throw .tooLong }
    var whole = parts.removeValue(forKey: frame.tag) ?? []
    heldBytes &-= whole.count
    guard parts.count < Self.most else { throw .tooLong }
    whole.reserveCapacity(whole.count &+ body.count)
    for i in 0..<body.count { whole.append(body[i]) }
    if !frame.isFragment { return whole }
    heldBytes &+= whole.count
    parts[frame.tag] = whole
    return nil
  }

  /// Whether parts of a message with this tag are here.
  public func isUnderWay(_ tag: UInt32) -> Bool { parts[tag] != nil }

  /// What came of this message is of no interest any more.
  public mutating func forget(_ tag: UInt32) { heldBytes &-= parts.removeValue(forKey: tag)?.count ?? 0 }
}
