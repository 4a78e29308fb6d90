import Memory

/// Field blocks become field lists (RFC 7541). One for a connection, since its table is.
struct HPACKDecoder: ~Copyable {
  private var table = HPACKTable()
  /// What SETTINGS_HEADER_TABLE_SIZE said; the peer may use less.
  private static let limit = HPACKTable.initialLimit

  /// What became of a block.
  enum Outcome {
    case whole
    /// It cannot be decoded: COMPRESSION_ERROR.
    case malformed
    /// What it spells is far above what a list may hold: two bytes can join a name of 4 KiB to a value, and each time we copy it.
    case tooMuch
  }

  /// Decodes a whole block; all of it even where `fields` takes no more, for the table's sake.
  mutating func decode(_ block: Span<UInt8>, into fields: inout FieldCollector) -> Outcome {
    var at = 0
    var mayResize = true
    while at < block.count {
      let first = block[at]
      if first & 0xe0 == 0x20 {
        guard mayResize, resize(block, &at) else { return .malformed }
        continue
      }
      mayResize = false
      guard first & 0x80 != 0 ? addIndexed(block, &at, &fields) : addLiteral(block, &at, first, &fields) else {
        return .malformed
      }
      if fields.isFarTooLarge { return .tooMuch }
    }
    return .whole
  }

  /// A size update (RFC 7541 §6.3).
  private mutating func resize(_ block: Span<UInt8>, _ at: inout Int) -> Bool {
    guard let size = integer(block, &at, prefix: 5), size <= Self.limit else { return false }
    table.setLimit(size)
    while table.isTooFull(for: 0) { _ = table.evict() }
    return true
  }

  /// A field that stands in a table (RFC 7541 §6.1).
  private mutating func addIndexed(_ block: Span<UInt8>, _ at: inout Int, _ fields: inout FieldCollector) -> Bool {
    guard let index = integer(block, &at, prefix: 7), index > 0 else { return false }
    if index <= StaticTable.count {
      let entry = staticTable.entry(index &- 1)
      if fields.takes(entry) { staticTable.copy(index &- 1, entry.length, to: &fields.bytes) }
      fields.finishLine(entry)
    } else {
      guard let entry = dynamic(index) else { return false }
      if fields.takes(entry) { table.copy(entry, entry.length, to: &fields.bytes) }
      fields.finishLine(entry)
    }
    return true
  }

  /// The field of an index above the static table's.
  private mutating func dynamic(_ index: Int) -> HPACKEntry? {
    let age = index &- StaticTable.count
    return age <= table.count ? table.entry(table.added &- age) : nil
  }

  /// A field that is spelled, its name perhaps by an index (RFC 7541 §6.2).
  private mutating func addLiteral(
    _ block: Span<UInt8>, _ at: inout Int, _ first: UInt8, _ fields: inout FieldCollector
  ) -> Bool {
    let isKept = first & 0x40 != 0
    let start = fields.bytes.count
    guard let index = integer(block, &at, prefix: isKept ? 6 : 4),
      let name = addName(index, block, &at, to: &fields.bytes)
    else {
      return false
    }
    let value = fields.bytes.count
    guard addString(block, &at, to: &fields.bytes) else { return false }
    let isSound = name.isSound && isSoundValue(name.kind, fields.bytes.span.extracting(value...))
    fields.bytes.append("\r\n")
    let entry = HPACKEntry(
      start: 0, length: fields.bytes.count &- start, nameLength: value &- 2 &- start, kind: name.kind, isSound: isSound,
      isNameSound: name.isSound)
    if isKept { keep(fields.bytes.span.extracting(start...), entry) }
    fields.countSpelled(entry)
    if !fields.takes(entry) { fields.bytes.removeLast(entry.length) }
    fields.finishLine(entry)
    return true
  }

  /// Puts a line into the table (RFC 7541 §4.4): one that is larger than the table empties it.
  private mutating func keep(_ line: Span<UInt8>, _ entry: HPACKEntry) {
    while table.isTooFull(for: entry.cost) { _ = table.evict() }
    if table.hasRoom(for: entry.cost) { table.append(line, entry) }
  }

  /// Begins a line with a field's name, and what divides it from the value.
  private mutating func addName(
    _ index: Int, _ block: Span<UInt8>, _ at: inout Int, to output: inout ByteBuffer
  ) -> (kind: FieldKind, isSound: Bool)? {
    if index == 0 {
      let start = output.count
      guard addString(block, &at, to: &output) else { return nil }
      let kind = FieldKind(output.span.extracting(start...))
      let isSound = isSoundName(kind, output.span.extracting(start...))
      output.append(": ")
      return (kind, isSound)
    }
    if index <= StaticTable.count {
      let entry = staticTable.entry(index &- 1)
      staticTable.copy(index &- 1, entry.valueStart, to: &output)
      return (entry.kind, entry.isNameSound)
    }
    guard let entry = dynamic(index) else { return nil }
    table.copy(entry, entry.valueStart, to: &output)
    return (entry.kind, entry.isNameSound)
  }

  /// Appends a string (RFC 7541 §5.2).
  private mutating func addString(_ block: Span<UInt8>, _ at: inout Int, to output: inout ByteBuffer) -> Bool {
    guard at < block.count else { return false }
    let isCoded = block[at] & 0x80 != 0
    guard let length = integer(block, &at, prefix: 7), length <= block.count &- at else { return false }
    let string = block.extracting(at..<at &+ length)
    at &+= length
    if isCoded { return decodeHuffman(string, into: &output) }
    output.append(string)
    return true
  }
}

/// An integer whose first byte has `prefix` bits of it (RFC 7541 §5.1); nil when it breaks off or is above 2²⁸ or so: nothing in HPACK is.
func integer(_ block: Span<UInt8>, _ at: inout Int, prefix: UInt8) -> Int? {
  guard at < block.count else { return nil }
  let mask = Int(1 &<< UInt(prefix)) &- 1
  var value = Int(block[at]) & mask
  at &+= 1
  if value < mask { return value }
  var shift = 0
  while at < block.count, shift <= 21 {
    let byte = block[at]
    at &+= 1
    value &+= Int(byte & 0x7f) &<< shift
    if byte & 0x80 == 0 { return value }
    shift &+= 7
  }
  return nil
}
