import Memory

/// What an answer says of its call.
public enum ThriftReply: Hashable, Sendable {
  /// The result is the method's value, or that it has none.
  case success
  /// The method threw an exception that its service declares, this field of the result.
  case declared(field: Int16)
  /// The service could not do the call: a `TApplicationException` of this type; nil where it does not say.
  case application(type: Int32?)

  /// Reads the answer whose front is `message`: of its struct the first field is enough (Thrift's results are unions, the value is
  /// field 0).
  public init(_ message: ThriftMessage, _ bytes: Span<UInt8>) throws(ThriftFault) {
    var result = ThriftStruct(message.encoding, at: message.body)
    switch message.kind {
    case .exception: self = .application(type: try Self.type(&result, bytes))
    case .reply:
      let field = try result.next(bytes)
      self = field.map { $0.id == 0 ? .success : .declared(field: $0.id) } ?? .success
    case .call, .oneway: throw .badKind
    }
  }

  private static func type(_ exception: inout ThriftStruct, _ bytes: Span<UInt8>) throws(ThriftFault) -> Int32? {
    while let field = try exception.next(bytes) {
      if field.id == 2, field.type == .i32 { return try exception.i32(bytes) }
      try exception.skip(field.type, bytes)
    }
    return nil
  }
}

/// Why a service, or a proxy before it, cannot do a call: the types of `TApplicationException` that are said here.
public enum ThriftErrorType: Int32, Sendable {
  case unknownMethod = 1
  case internalError = 6
  case protocolError = 7
}

/// Writes an answer that is a `TApplicationException`.
/// - Parameter text: field 1, the message.
public func appendApplicationException(
  _ type: ThriftErrorType, _ text: String, method: Span<UInt8>, sequence: Int32, as encoding: ThriftEncoding,
  to output: inout ByteBuffer
) {
  ThriftMessage.append(.exception, method, sequence: sequence, as: encoding, to: &output)
  if encoding == .compact {
    output.append(0x18)  // field 1, binary
    output.append(varint: UInt64(text.utf8.count))
    output.append(text)
    output.append(0x15)  // field 2, i32
    output.append(varint: UInt64(type.rawValue) &<< 1)
    output.append(0)
  } else {
    output.append([11, 0, 1])
    output.append(bigEndian: UInt64(text.utf8.count), width: 4)
    output.append(text)
    output.append([8, 0, 2])
    output.append(bigEndian: UInt64(type.rawValue), width: 4)
    output.append(0)
  }
}
