/// Why bytes are no Mux.
public enum MuxFault: Error, Hashable, Sendable {
  /// They end within something.
  case truncated
  /// A status of an answer other than ok, error and nack.
  case badStatus(UInt8)
  /// More contexts or dentries than `MuxDispatch.most`.
  case tooMany
  /// A fragment of a message that cannot come in fragments.
  case badFragment
  /// More messages in fragments at a time than `MuxAssembler.most`, or more bytes than its limit.
  case tooLong

  /// For the peer and for logs.
  public var reason: String {
    switch self {
    case .truncated: "the message is cut short"
    case .badStatus(let status): "status \(status) is none"
    case .tooMany: "more than \(MuxDispatch.most) contexts or dentries"
    case .badFragment: "this type of message comes whole"
    case .tooLong: "the fragments make too long a message"
    }
  }
}
