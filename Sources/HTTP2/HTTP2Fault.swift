/// Why a session cannot go on. What `write` still gives (a GOAWAY) should be sent, then the connection closed.
public enum HTTP2Fault: Error, Hashable, Sendable, CustomStringConvertible {
  /// A server's peer does not begin with the HTTP/2 preface; it may speak HTTP/1.
  case badPreface
  /// The peer spends our time with frames that do nothing; the limit that ended it is in `HTTP2Settings`.
  case flood(Flood)

  public enum Flood: Hashable, Sendable {
    case resets, idleFrames, emptyData, continuations, fields, acknowledgements, settings, unread
  }

  public var description: String {
    switch self {
    case .badPreface: "the peer does not speak HTTP/2"
    case .flood(.resets): "the peer resets streams too fast"
    case .flood(.idleFrames): "the peer sends too many frames that carry nothing"
    case .flood(.emptyData): "the peer sends empty DATA frames"
    case .flood(.continuations): "the peer sends too many CONTINUATION frames"
    case .flood(.fields): "the peer sends fields far above the limit of a list"
    case .flood(.unread): "the peer causes answers and does not read them"
    case .flood(.settings): "the peer sends too many settings in one frame"
    case .flood(.acknowledgements): "the peer asks for acknowledgements and does not read them"
    }
  }
}
