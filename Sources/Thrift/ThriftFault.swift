/// Why bytes are no Thrift that can be passed on.
public enum ThriftFault: Error, Hashable, Sendable {
  /// They end within something.
  case truncated
  /// Neither of the encodings, nor the header transport.
  case unknownEncoding
  /// A version of the encoding other than 1.
  case badVersion
  /// A kind of message other than call, reply, exception and oneway.
  case badKind
  /// A method's name that is empty or longer than `ThriftMessage.longestName`.
  case badName
  /// A number, count or type that cannot be.
  case malformed
  /// Structures within structures beyond `ThriftStruct.deepest`.
  case tooDeep
  /// The header transport changed the message (compressed, signed): only a message as it is can be read.
  case transform(UInt32)
  /// The header transport carries an encoding other than binary and compact.
  case unknownProtocol(UInt32)

  /// For the peer and for logs.
  public var reason: String {
    switch self {
    case .truncated: "the message is cut short"
    case .unknownEncoding: "neither binary nor compact Thrift"
    case .badVersion: "an unknown version of the encoding"
    case .badKind: "an unknown kind of message"
    case .badName: "a method's name of 1 to \(ThriftMessage.longestName) bytes is needed"
    case .malformed: "the message is malformed"
    case .tooDeep: "structures are nested too deeply"
    case .transform(let id): "transform \(id) of the header transport is not supported: send without transforms"
    case .unknownProtocol(let id): "protocol \(id) of the header transport is not supported"
    }
  }
}
