import Memory

/// The header fields of one message, in order, names in lower case (HTTP/2 wants them so; HTTP/1 names are compared without case).
///
/// All bytes lie in one array and a field is a pair of lengths: a block of ten fields costs two allocations, not twenty.
public struct HeaderList: Sendable {
  struct Entry: Sendable {
    var start: UInt32
    var nameLength: UInt32
    var valueLength: UInt32
  }

  var bytes: [UInt8] = []
  var entries: [Entry] = []

  public init() {}

  /// A list whose bytes were gathered already.
  init(bytes: Span<UInt8>, entries: [Entry]) {
    self.bytes = unsafe [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
      unsafe bytes.withUnsafeBufferPointer { source in count = unsafe buffer.update(fromContentsOf: source) }
    }
    self.entries = entries
  }

  public init(_ fields: [(String, String)]) {
    for (name, value) in fields { append(name, value) }
  }

  /// Number of fields, pseudo-fields (`:path`) included.
  public var count: Int { entries.count }
  public var isEmpty: Bool { entries.isEmpty }
  /// The size as SETTINGS_MAX_HEADER_LIST_SIZE counts it: names, values and 32 bytes per field (RFC 9113 §6.5.2).
  public var size: Int { bytes.count + 32 * entries.count }

  /// Adds a field at the end. The name is stored in lower case.
  public mutating func append(_ name: String, _ value: String) {
    let start = bytes.count
    for byte in name.utf8 { bytes.append(Self.lowercase(byte)) }
    let end = bytes.count
    bytes.append(contentsOf: value.utf8)
    entries.append(Entry(start: UInt32(start), nameLength: UInt32(end - start), valueLength: UInt32(bytes.count - end)))
  }

  /// Adds a field at the end from bytes that a parser has validated. The name is stored in lower case.
  public mutating func append(name: Span<UInt8>, value: Span<UInt8>) {
    let start = bytes.count
    unsafe name.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    unsafe value.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    for index in start..<(start + name.count) where bytes[index] &- 0x41 < 26 { bytes[index] |= 0x20 }
    entries.append(
      Entry(start: UInt32(start), nameLength: UInt32(name.count), valueLength: UInt32(value.count)))
  }

  /// The name of field `index`; traps when out of range.
  public func name(at index: Int) -> String {
    let entry = entries[index]
    let start = Int(entry.start)
    return String(decoding: bytes[start..<(start + Int(entry.nameLength))], as: UTF8.self)
  }

  /// The value of field `index`; bytes that are no UTF-8 show as U+FFFD. Traps when out of range.
  public func value(at index: Int) -> String {
    let entry = entries[index]
    let start = Int(entry.start) + Int(entry.nameLength)
    return String(decoding: bytes[start..<(start + Int(entry.valueLength))], as: UTF8.self)
  }

  /// The first field of that name, compared without case.
  public subscript(name: String) -> String? {
    for index in entries.indices where isNamed(name, at: index) { return value(at: index) }
    return nil
  }

  /// All values of that name, in order.
  public func values(_ name: String) -> [String] {
    entries.indices.filter { isNamed(name, at: $0) }.map { value(at: $0) }
  }

  public func contains(_ name: String) -> Bool { entries.indices.contains { isNamed(name, at: $0) } }

  /// The fields as pairs, for printing and tests.
  public var fields: [(name: String, value: String)] {
    entries.indices.map { (name(at: $0), value(at: $0)) }
  }

  func isPseudo(_ index: Int) -> Bool {
    entries[index].nameLength > 0 && bytes[Int(entries[index].start)] == UInt8(ascii: ":")
  }

  func isNamed(_ name: StaticString, at index: Int) -> Bool {
    let entry = entries[index]
    let start = Int(entry.start)
    return equals(bytes.span.extracting(start..<(start + Int(entry.nameLength))), name)
  }

  private func isNamed(_ name: String, at index: Int) -> Bool {
    let entry = entries[index]
    guard name.utf8.count == Int(entry.nameLength) else { return false }
    var at = Int(entry.start)
    for byte in name.utf8 {
      if bytes[at] != Self.lowercase(byte) { return false }
      at += 1
    }
    return true
  }

  private static func lowercase(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
  }
}

extension HeaderList: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, String)...) { self.init(elements) }
}

extension HeaderList: CustomStringConvertible {
  public var description: String { fields.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
