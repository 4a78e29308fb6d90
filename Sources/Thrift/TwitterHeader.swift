import Memory

/// TTwitter: Finagle's extension of Thrift. A client asks once per connection, by a call of an improbable name; when the server
/// answers it, a struct precedes every call and every answer, always in the binary protocol (finagle-thrift, tracing.thrift).
public enum TwitterUpgrade {
  /// The method by which a client asks.
  public static let method: StaticString = "__can__finagle__trace__v3__"

  /// Whether this message asks.
  public static func isAsked(_ message: ThriftMessage, _ bytes: Span<UInt8>) -> Bool {
    message.kind == .call && equals(bytes.extracting(message.method), method)
  }

  /// Writes the answer that agrees: a reply whose struct has no field.
  public static func appendAgreement(_ asked: ThriftMessage, _ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    ThriftMessage.append(
      .reply, bytes.extracting(asked.method), sequence: asked.sequence, as: asked.encoding, to: &output)
    output.append(0)
  }

  /// Writes what precedes an answer: a header without a field.
  public static func appendResponseHeader(to output: inout ByteBuffer) { output.append(0) }
}

/// What precedes a call of TTwitter, as far as it concerns routing. Ranges are of the bytes that were read.
public struct TwitterHeader: Hashable, Sendable {
  /// Where the caller wants the call to go, a path; empty where it does not say.
  public private(set) var destination = 0..<0
  /// Dentries of the call's own.
  public private(set) var delegations: [Pair] = []
  /// What travels with the call.
  public private(set) var contexts: [Pair] = []
  /// Where the message begins.
  public private(set) var end = 0

  public struct Pair: Hashable, Sendable {
    public var first = 0..<0
    public var second = 0..<0
  }

  /// Delegations, and contexts, of one call. 256: far beyond any use.
  public static let most = 256

  public init(_ bytes: Span<UInt8>) throws(ThriftFault) {
    var header = ThriftStruct(.binary, at: 0)
    while let field = try header.next(bytes) {
      switch (field.id, field.type) {
      case (8, .list): contexts = try Self.pairs(&header, bytes)
      case (9, .binary): destination = try header.run(bytes)
      case (10, .list): delegations = try Self.pairs(&header, bytes)
      default: try header.skip(field.type, bytes)
      }
    }
    end = header.cursor.offset
  }

  /// A list of structs with two fields of bytes, 1 and 2.
  private static func pairs(_ header: inout ThriftStruct, _ bytes: Span<UInt8>) throws(ThriftFault) -> [Pair] {
    let count = try header.structs(bytes)
    guard count <= most else { throw .malformed }
    var pairs: [Pair] = []
    for _ in 0..<count {
      var pair = Pair()
      try header.element(bytes) { (inner, field, bytes) throws(ThriftFault) in
        switch (field.id, field.type) {
        case (1, .binary): pair.first = try inner.run(bytes)
        case (2, .binary): pair.second = try inner.run(bytes)
        default: try inner.skip(field.type, bytes)
        }
      }
      pairs.append(pair)
    }
    return pairs
  }
}
