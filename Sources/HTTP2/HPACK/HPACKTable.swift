import Memory

/// A field in a table, and what was found out about it once.
struct HPACKEntry: Sendable {
  /// Where its line begins, counted from the first byte that the table ever held.
  var start: Int
  /// Bytes of the line, `name: value` with CR LF.
  let length: Int
  let nameLength: Int
  let kind: FieldKind
  /// The field may stand in a message; its name may, whatever its value.
  let isSound: Bool
  let isNameSound: Bool
  /// Of an encoder's, to find it by; 0 of a decoder's.
  var nameHash: UInt32 = 0
  var fieldHash: UInt32 = 0
  /// The field that was used after it, by its number: an encoder's guess of the next.
  var follower = -1

  /// The size by which tables are limited (RFC 7541 §4.1).
  var cost: Int { length &- HeaderList.Entry.padding &+ 32 }
  var valueStart: Int { nameLength &+ 2 }
  var valueEnd: Int { length &- 2 }
}

/// The dynamic table of one direction (RFC 7541 §2.3.2): fields as lines in one buffer, the oldest first.
struct HPACKTable: ~Copyable {
  /// Bytes by RFC 7541 §4.1 that are used at most unless less was agreed on: the size that a table begins with.
  static let initialLimit = 4096

  private(set) var limit = HPACKTable.initialLimit
  private var size = 0
  /// Fields that were ever added: the number of the next one.
  private(set) var added = 0
  private var lines = ByteBuffer()
  /// Bytes that have left `lines` at its front.
  private var dropped = 0
  private var entries: [HPACKEntry] = []
  /// The first of `entries` that is still in.
  private var first = 0

  var count: Int { entries.count &- first }
  /// The number of the oldest field that is in.
  var oldest: Int { added &- count }

  /// The field with the number, which must be in.
  func entry(_ number: Int) -> HPACKEntry { entries[first &+ number &- oldest] }

  /// Appends the first bytes of an entry's line to another buffer.
  borrowing func copy(_ entry: HPACKEntry, _ length: Int, to output: inout ByteBuffer) {
    let start = entry.start &- dropped
    output.append(lines.span.extracting(start..<start &+ length))
  }

  /// Whether an entry's part of its line holds these bytes, names compared without case.
  borrowing func isName(_ entry: HPACKEntry, _ name: Span<UInt8>) -> Bool {
    let start = entry.start &- dropped
    return equalsIgnoringCase(name, lines.span.extracting(start..<start &+ entry.nameLength))
  }

  /// Whether an entry's whole line is this one.
  borrowing func isLine(_ entry: HPACKEntry, _ line: Span<UInt8>) -> Bool {
    let start = entry.start &- dropped
    return bytesEqual(lines.span.extracting(start..<start &+ entry.length), line)
  }

  /// Whether an entry's value is this one.
  borrowing func isValue(_ entry: HPACKEntry, _ value: Span<UInt8>) -> Bool {
    let start = entry.start &- dropped
    return bytesEqual(lines.span.extracting(start &+ entry.valueStart..<start &+ entry.valueEnd), value)
  }

  /// Whether a field of that cost can be in at all.
  func hasRoom(for cost: Int) -> Bool { cost <= limit }

  /// The field that was used after that one, while both are in; nil too when nobody said so.
  func follower(of number: Int) -> Int? {
    guard number >= oldest else { return nil }
    let follower = entry(number).follower
    return follower >= oldest ? follower : nil
  }

  mutating func setFollower(of number: Int, _ follower: Int) {
    if number >= oldest { entries[first &+ number &- oldest].follower = follower }
  }

  /// Drops the oldest field, which there must be.
  mutating func evict() -> HPACKEntry {
    let entry = entries[first]
    size &-= entry.cost
    lines.removeFirst(entry.length)
    dropped &+= entry.length
    first &+= 1
    if first == entries.count {
      entries.removeAll(keepingCapacity: true)
      first = 0
    } else if first >= 64 {
      entries.removeFirst(first)
      first = 0
    }
    return entry
  }

  /// Whether the oldest has to go before a field of that cost is added.
  func isTooFull(for cost: Int) -> Bool { size &+ cost > limit && count > 0 }

  /// Adds a field for which there is room, by its whole line; of `entry` the place does not count.
  mutating func append(_ line: Span<UInt8>, _ entry: HPACKEntry) {
    lines.append(line)
    add(entry, at: lines.count &- line.count)
  }

  /// Adds a field for which there is room, and which is to be found by its hashes.
  /// - Parameter name: in any case.
  mutating func append(name: Span<UInt8>, value: Span<UInt8>, nameHash: UInt32, fieldHash: UInt32) {
    let start = lines.count
    lines.append(lowercasing: name)
    lines.append(": ")
    lines.append(value)
    lines.append("\r\n")
    add(
      HPACKEntry(
        start: 0, length: lines.count &- start, nameLength: name.count, kind: .other, isSound: true, isNameSound: true,
        nameHash: nameHash, fieldHash: fieldHash), at: start)
  }

  /// Adds the entry of a line that begins at `start` of `lines`.
  private mutating func add(_ entry: HPACKEntry, at start: Int) {
    var entry = entry
    entry.start = dropped &+ start
    entries.append(entry)
    added &+= 1
    size &+= entry.cost
  }

  mutating func setLimit(_ bytes: Int) { limit = bytes }
}

/// Of a name in any case, never 0. Not secret: a table has 128 fields at most, so that collisions cost little.
func hashName(_ name: Span<UInt8>) -> UInt32 {
  var state: UInt64 = 0x9e37_79b9_7f4a_7c15 &+ UInt64(truncatingIfNeeded: name.count)
  var i = 0
  while i &+ 8 <= name.count {
    state = mixed(state ^ lowercased(word(name, at: i)))
    i &+= 8
  }
  return short(mixed(state ^ lowercased(rest(name))))
}

/// Of a name, whose hash is given, and a value.
func hashField(_ name: UInt32, _ value: Span<UInt8>) -> UInt32 { short(hash(value, seed: UInt64(name))) }

/// The mixing step of wyhash (public domain).
@inline(__always) private func mixed(_ word: UInt64) -> UInt64 {
  let product = word.multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
  return product.high ^ product.low
}

@inline(__always) private func short(_ hash: UInt64) -> UInt32 {
  max(1, UInt32(truncatingIfNeeded: hash ^ hash &>> 32))
}
