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

  /// Writes the question, for a connection to a service.
  public static func appendQuestion(to output: inout ByteBuffer) {
    var name = ByteBuffer()
    name.append(method)
    ThriftMessage.append(.call, name.span, sequence: 0, as: .binary, to: &output)
    output.append(0)
  }

  /// Where the message begins that follows the header of an answer.
  public static func answerStart(_ bytes: Span<UInt8>) throws(ThriftFault) -> Int {
    var header = ThriftStruct(.binary, at: 0)
    while let field = try header.next(bytes) { try header.skip(field.type, bytes) }
    return header.cursor.offset
  }
}

/// What precedes a call of TTwitter, as far as it concerns routing. Ranges are of the bytes that were read.
public struct TwitterHeader: Hashable, Sendable {
  /// Where the caller wants the call to go, a path; empty where it does not say.
  public private(set) var destination = 0..<0
  /// Dentries of the call's own.
  public private(set) var delegations: [Pair] = []
  /// What travels with the call.
  public private(set) var contexts: [Pair] = []
  /// The call's place in a trace; nil where the caller does not say.
  public private(set) var trace: TwitterTrace?
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
      case (1, .i64): try with(&header, bytes) { $0.trace = $1 }
      case (2, .i64): try with(&header, bytes) { $0.span = $1 }
      case (3, .i64): try with(&header, bytes) { $0.parent = $1 }
      case (7, .i64): try with(&header, bytes) { $0.flags = $1 }
      case (8, .list): contexts = try Self.pairs(&header, bytes)
      case (9, .binary): destination = try header.run(bytes)
      case (10, .list): delegations = try Self.pairs(&header, bytes)
      default: try header.skip(field.type, bytes)
      }
    }
    end = header.cursor.offset
  }

  private mutating func with(
    _ header: inout ThriftStruct, _ bytes: Span<UInt8>, _ set: (inout TwitterTrace, UInt64) -> Void
  ) throws(ThriftFault) {
    var trace = self.trace ?? TwitterTrace()
    set(&trace, UInt64(bitPattern: try header.i64(bytes)))
    self.trace = trace
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

/// A call's place in a trace, as Finagle has it: numbers of 64 bits.
public struct TwitterTrace: Hashable, Sendable {
  public var trace: UInt64 = 0
  public var span: UInt64 = 0
  public var parent: UInt64 = 0
  public var flags: UInt64 = 0

  public init() {}

  /// Under what name it travels among the contexts of Mux.
  public static let contextName: StaticString = "com.twitter.finagle.tracing.TraceContext"

  /// Reads it as it travels among the contexts of Mux: span, parent, trace and flags; nil for other lengths.
  public init?(context bytes: Span<UInt8>) {
    var cursor = ByteCursor()
    guard bytes.count == 32, let span = cursor.number(8, bytes), let parent = cursor.number(8, bytes),
      let trace = cursor.number(8, bytes), let flags = cursor.number(8, bytes)
    else { return nil }
    (self.span, self.parent, self.trace, self.flags) = (span, parent, trace, flags)
  }

  /// Writes it as a context's value.
  public func appendContext(to output: inout ByteBuffer) {
    for number in [span, parent, trace, flags] { output.append(bigEndian: number, width: 8) }
  }
}

/// Writes what precedes a call to a service that has agreed to TTwitter.
public struct TwitterHeaderWriter: ~Copyable {
  private var fields = ByteBuffer()
  private var contexts = ByteBuffer()
  private var contextCount = 0
  private var delegations = ByteBuffer()
  private var delegationCount = 0

  public init() {}

  public mutating func add(_ trace: TwitterTrace) {
    for (id, number) in [(UInt8(1), trace.trace), (2, trace.span), (3, trace.parent), (7, trace.flags)] {
      fields.append([10, 0, id])
      fields.append(bigEndian: number, width: 8)
    }
  }

  public mutating func addContext(_ key: Span<UInt8>, _ value: Span<UInt8>) {
    Self.append(key, value, to: &contexts)
    contextCount += 1
  }

  public mutating func addDelegation(_ prefix: Span<UInt8>, _ tree: Span<UInt8>) {
    Self.append(prefix, tree, to: &delegations)
    delegationCount += 1
  }

  private static func append(_ first: Span<UInt8>, _ second: Span<UInt8>, to list: inout ByteBuffer) {
    list.append([11, 0, 1])
    list.append(counted: first, width: 4)
    list.append([11, 0, 2])
    list.append(counted: second, width: 4)
    list.append(0)
  }

  /// Writes the header with all that was added.
  public consuming func write(destination: Span<UInt8>, to output: inout ByteBuffer) {
    output.append(fields.span)
    Self.append(8, contextCount, contexts, to: &output)
    if !destination.isEmpty {
      output.append([11, 0, 9])
      output.append(counted: destination, width: 4)
    }
    Self.append(10, delegationCount, delegations, to: &output)
    output.append(0)
  }

  private static func append(_ id: UInt8, _ count: Int, _ list: borrowing ByteBuffer, to output: inout ByteBuffer) {
    if count == 0 { return }
    output.append([15, 0, id, 12])
    output.append(bigEndian: UInt64(count), width: 4)
    output.append(list.span)
  }
}
