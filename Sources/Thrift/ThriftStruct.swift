import Memory

/// What a field holds, whatever the encoding.
public enum ThriftType: Hashable, Sendable {
  case bool, byte, i16, i32, i64, double, binary, structure, map, set, list, uuid

  /// As the binary protocol numbers them; nil for none.
  init?(binary: UInt8) {
    switch binary {
    case 2: self = .bool
    case 3: self = .byte
    case 4: self = .double
    case 6: self = .i16
    case 8: self = .i32
    case 10: self = .i64
    case 11: self = .binary
    case 12: self = .structure
    case 13: self = .map
    case 14: self = .set
    case 15: self = .list
    case 16: self = .uuid
    default: return nil
    }
  }

  /// As the compact protocol numbers them.
  init?(compact: UInt8) {
    switch compact {
    case 1, 2: self = .bool
    case 3: self = .byte
    case 4: self = .i16
    case 5: self = .i32
    case 6: self = .i64
    case 7: self = .double
    case 8: self = .binary
    case 9: self = .list
    case 10: self = .set
    case 11: self = .map
    case 12: self = .structure
    case 13: self = .uuid
    default: return nil
    }
  }
}

/// One field of a struct; its value begins where the reader then stands.
public struct ThriftField: Hashable, Sendable {
  public let id: Int16
  public let type: ThriftType
}

/// Reads the fields of one struct, one after the other.
public struct ThriftStruct: Hashable, Sendable {
  /// Structures within structures that are read past. 64: what other libraries allow, and no danger to a thread's stack.
  public static let deepest = 64

  public private(set) var cursor: ByteCursor
  let encoding: ThriftEncoding
  private var lastID: Int16 = 0

  /// A struct that begins at `start`.
  public init(_ encoding: ThriftEncoding, at start: Int) {
    self.encoding = encoding
    cursor = ByteCursor(at: start)
  }

  /// The head of the next field, nil at the end of the struct.
  public mutating func next(_ bytes: Span<UInt8>) throws(ThriftFault) -> ThriftField? {
    guard let first = cursor.byte(bytes) else { throw .truncated }
    if first == 0 { return nil }
    let type: ThriftType?
    let id: Int16
    if encoding == .compact {
      type = ThriftType(compact: first & 15)
      if first &>> 4 != 0 {
        id = lastID &+ Int16(first &>> 4)
      } else {
        id = Int16(truncatingIfNeeded: zigzag(try cursor.varint(bytes, most: 3)))
      }
      lastID = id
    } else {
      type = ThriftType(binary: first)
      guard let number = cursor.number(2, bytes) else { throw .truncated }
      id = Int16(truncatingIfNeeded: number)
    }
    guard let type else { throw .malformed }
    return ThriftField(id: id, type: type)
  }

  /// The bytes of a field of type `binary`.
  public mutating func run(_ bytes: Span<UInt8>) throws(ThriftFault) -> Range<Int> {
    let run =
      encoding == .compact
      ? cursor.run(Int(truncatingIfNeeded: try cursor.varint(bytes, most: 5)), bytes) : cursor.counted(4, bytes)
    guard let run else { throw .truncated }
    return run
  }

  /// The value of a field of type `i32`.
  public mutating func i32(_ bytes: Span<UInt8>) throws(ThriftFault) -> Int32 {
    if encoding == .compact { return Int32(truncatingIfNeeded: zigzag(try cursor.varint(bytes, most: 5))) }
    guard let number = cursor.number(4, bytes) else { throw .truncated }
    return Int32(truncatingIfNeeded: number)
  }

  /// The value of a field of type `i64`.
  public mutating func i64(_ bytes: Span<UInt8>) throws(ThriftFault) -> Int64 {
    if encoding == .compact { return zigzag(try cursor.varint(bytes, most: 10)) }
    guard let number = cursor.number(8, bytes) else { throw .truncated }
    return Int64(bitPattern: number)
  }

  /// How many structs a list holds that follows; its elements are read with `element`.
  public mutating func structs(_ bytes: Span<UInt8>) throws(ThriftFault) -> Int {
    let (type, count) = try listHead(bytes)
    guard type == .structure || count == 0 else { throw .malformed }
    return count
  }

  /// Reads a struct that begins here, field by field; what `take` does not read of a field, it has to skip.
  public mutating func element(
    _ bytes: Span<UInt8>,
    _ take: (inout ThriftStruct, ThriftField, Span<UInt8>) throws(ThriftFault) -> Void
  ) throws(ThriftFault) {
    var inner = ThriftStruct(encoding, at: cursor.offset)
    while let field = try inner.next(bytes) { try take(&inner, field, bytes) }
    cursor = inner.cursor
  }

  /// Reads past a value of this type.
  public mutating func skip(_ type: ThriftType, _ bytes: Span<UInt8>) throws(ThriftFault) {
    // The value of a field of the compact protocol that is a truth stands in its head.
    if encoding == .compact, type == .bool { return }
    try skip(type, bytes, depth: 0)
  }

  private mutating func skip(_ type: ThriftType, _ bytes: Span<UInt8>, depth: Int) throws(ThriftFault) {
    guard depth < Self.deepest else { throw .tooDeep }
    let isCompact = encoding == .compact
    switch type {
    case .bool, .byte: try pass(1, bytes)
    case .i16: if isCompact { _ = try cursor.varint(bytes, most: 3) } else { try pass(2, bytes) }
    case .i32: if isCompact { _ = try cursor.varint(bytes, most: 5) } else { try pass(4, bytes) }
    case .i64: if isCompact { _ = try cursor.varint(bytes, most: 10) } else { try pass(8, bytes) }
    case .double: try pass(8, bytes)
    case .uuid: try pass(16, bytes)
    case .binary: _ = try run(bytes)
    case .structure:
      var inner = ThriftStruct(encoding, at: cursor.offset)
      while let field = try inner.next(bytes) {
        if isCompact, field.type == .bool { continue }
        try inner.skip(field.type, bytes, depth: depth + 1)
      }
      cursor = inner.cursor
    case .list, .set:
      let (element, count) = try listHead(bytes)
      guard let element else { return }
      for _ in 0..<count { try skip(element, bytes, depth: depth + 1) }
    case .map:
      guard let (key, value, count) = try mapHead(bytes) else { return }
      for _ in 0..<count {
        try skip(key, bytes, depth: depth + 1)
        try skip(value, bytes, depth: depth + 1)
      }
    }
  }

  private mutating func pass(_ count: Int, _ bytes: Span<UInt8>) throws(ThriftFault) {
    guard cursor.run(count, bytes) != nil else { throw .truncated }
  }

  /// Every element takes a byte at least, so that a count beyond the bytes that are left is none.
  private func plausible(_ count: UInt64, _ bytes: Span<UInt8>) throws(ThriftFault) -> Int {
    guard count <= UInt64(cursor.remaining(in: bytes)) else { throw .truncated }
    return Int(count)
  }

  private mutating func listHead(_ bytes: Span<UInt8>) throws(ThriftFault) -> (ThriftType?, Int) {
    guard let first = cursor.byte(bytes) else { throw .truncated }
    let type: ThriftType?
    let count: UInt64
    if encoding == .compact {
      type = ThriftType(compact: first & 15)
      count = first &>> 4 == 15 ? try cursor.varint(bytes, most: 5) : UInt64(first &>> 4)
    } else {
      type = ThriftType(binary: first)
      guard let number = cursor.number(4, bytes) else { throw .truncated }
      count = number
    }
    guard type != nil || count == 0 else { throw .malformed }
    return (type, try plausible(count, bytes))
  }

  private mutating func mapHead(_ bytes: Span<UInt8>) throws(ThriftFault) -> (ThriftType, ThriftType, Int)? {
    let types: (ThriftType?, ThriftType?)
    let count: UInt64
    if encoding == .compact {
      count = try cursor.varint(bytes, most: 5)
      if count == 0 { return nil }
      guard let pair = cursor.byte(bytes) else { throw .truncated }
      types = (ThriftType(compact: pair &>> 4), ThriftType(compact: pair & 15))
    } else {
      guard let key = cursor.byte(bytes), let value = cursor.byte(bytes), let number = cursor.number(4, bytes) else {
        throw .truncated
      }
      types = (ThriftType(binary: key), ThriftType(binary: value))
      count = number
      if count == 0 { return nil }
    }
    guard let key = types.0, let value = types.1 else { throw .malformed }
    return (key, value, try plausible(count, bytes))
  }
}

/// The number that a zigzag number stands for.
private func zigzag(_ value: UInt64) -> Int64 {
  Int64(bitPattern: value &>> 1) ^ -Int64(value & 1)
}
