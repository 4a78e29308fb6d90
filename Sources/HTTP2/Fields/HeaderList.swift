import Memory

/// The header fields of one message, in order, names in lower case (HTTP/2 wants them so; HTTP/1 names are compared without case).
///
/// All bytes lie in one array, as lines of HTTP/1.1 (`name: value`, CR, LF), and a field says where its own is: a block of ten fields costs
/// two allocations, not twenty, and becomes text in one copy.
public struct HeaderList: Sendable {
  struct Entry: Sendable {
    let start: UInt32
    let nameLength: UInt32
    let valueLength: UInt32
    let kind: FieldKind

    /// What a line has beside name and value: colon and space, CR and LF.
    static let padding = 4

    /// - Parameter name: in lower case.
    init(start: Int, name: Span<UInt8>, valueLength: Int) {
      self.start = UInt32(start)
      nameLength = UInt32(name.count)
      self.valueLength = UInt32(valueLength)
      kind = FieldKind(name)
    }

    /// A line whose kind is known.
    init(start: Int, nameLength: Int, valueLength: Int, kind: FieldKind) {
      self.start = UInt32(start)
      self.nameLength = UInt32(nameLength)
      self.valueLength = UInt32(valueLength)
      self.kind = kind
    }

    var name: Range<Int> { Int(start)..<Int(start + nameLength) }
    var value: Range<Int> { Int(start + nameLength + 2)..<Int(start + nameLength + 2 + valueLength) }
    /// With the CR LF at its end.
    var line: Range<Int> { Int(start)..<end }
    /// Where the next line begins.
    var end: Int { Int(start + nameLength + valueLength) + Self.padding }
  }

  private(set) var bytes: [UInt8] = []
  private(set) var entries: [Entry] = []

  /// Fields that a list has room for at once.
  private static let ordinaryCount = 16

  public init() {}

  public init(_ fields: [(String, String)]) {
    for (name, value) in fields { append(name, value) }
  }

  /// Number of fields, pseudo-fields (`:path`) included.
  public var count: Int { entries.count }
  public var isEmpty: Bool { entries.isEmpty }
  /// The size as SETTINGS_MAX_HEADER_LIST_SIZE counts it: names, values and 32 bytes per field (RFC 9113 §6.5.2).
  public var size: Int { bytes.count + (32 - Entry.padding) * entries.count }

  /// Adds a field at the end. The name is stored in lower case.
  public mutating func append(_ name: String, _ value: String) {
    append(name: Array(name.utf8).span, value: Array(value.utf8).span)
  }

  /// Adds a field at the end from bytes that a parser has validated. The name is stored in lower case.
  public mutating func append(name: Span<UInt8>, value: Span<UInt8>) {
    let start = bytes.count
    bytes.append(copying: name)
    for index in start..<bytes.count { bytes[index] = Self.lowercase(bytes[index]) }
    bytes.append(UInt8(ascii: ":"))
    bytes.append(UInt8(ascii: " "))
    bytes.append(copying: value)
    bytes.append(0x0d)
    bytes.append(0x0a)
    entries.append(
      Entry(start: start, name: bytes.span.extracting(start..<(start + name.count)), valueLength: value.count))
  }

  /// Forgets the fields, and keeps the storage where nobody else has it.
  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    entries.removeAll(keepingCapacity: true)
  }

  /// Adds a field whose line `setLines` will bring.
  mutating func append(_ entry: Entry) {
    if entries.capacity == 0 { entries.reserveCapacity(Self.ordinaryCount) }
    entries.append(entry)
  }

  /// Gives an empty list the lines of all its fields.
  mutating func setLines(_ lines: Span<UInt8>) {
    bytes.append(copying: lines)
  }

  /// The name of field `index`; traps when out of range.
  public func name(at index: Int) -> String {
    String(decoding: bytes[entries[index].name], as: UTF8.self)
  }

  /// The value of field `index`; bytes that are no UTF-8 show as U+FFFD. Traps when out of range.
  public func value(at index: Int) -> String {
    String(decoding: bytes[entries[index].value], as: UTF8.self)
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

  /// The first digit of `:status` (RFC 9110 §15); nil where there is none.
  public var statusClass: UInt8? {
    guard let status = entries.first(where: { $0.kind == .status }), status.valueLength > 0 else { return nil }
    return bytes[status.value.lowerBound]
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
