import Memory

/// Fields become a field block (RFC 7541). One for a connection, since its table is.
///
/// Strings go out as they are, without the Huffman code: between two machines of one network that saves fewer bytes than it costs
/// instructions, on both ends.
struct HPACKEncoder: ~Copyable {
  private var table = HPACKTable()
  /// Numbers of fields in the table, by the hash of the whole field, and of the name alone. A field that shares a hash with a later one is
  /// not found again, which costs its bytes and no more.
  private var fields = NumberTable()
  private var names = NumberTable()
  /// The sizes that the next block says (RFC 7541 §4.2): the smallest that was asked for, and the last.
  private var resize: (smallest: Int, last: Int)?
  /// The field of the table that was used last in this block, and the first of the block before, by their numbers; -1 for none.
  private var last = -1
  private var first = -1

  /// Values of up to so many bytes may be guessed one by one by who can watch sizes (RFC 7541 §7.1.3, by whose advice short cookies are
  /// told from long ones).
  private static let guessableBytes = 20

  /// How a field may be written (RFC 7541 §6.2).
  private enum Policy: UInt8 {
    // As the first byte says it.
    case indexed = 0x40
    case plain = 0
    case never = 0x10

    var prefix: UInt8 { self == .indexed ? 6 : 4 }
  }

  /// The peer's decoder takes tables of this size (SETTINGS_HEADER_TABLE_SIZE); we use up to `HPACKTable.initialLimit` of it.
  mutating func setLimit(_ bytes: UInt32) {
    let size = min(Int(bytes), HPACKTable.initialLimit)
    if let resize {
      self.resize = (min(resize.smallest, size), size)
    } else if size != table.limit {
      resize = (size, size)
    }
  }

  /// Begins a block.
  mutating func begin(_ output: inout ByteBuffer) {
    last = -1
    guard let sizes = resize else { return }
    resize = nil
    if sizes.smallest < sizes.last { setSize(sizes.smallest, &output) }
    setSize(sizes.last, &output)
  }

  private mutating func setSize(_ size: Int, _ output: inout ByteBuffer) {
    table.setLimit(size)
    makeRoom(for: 0)
    output.append(integer: size, 0x20, prefix: 5)
  }

  /// Appends a field by its line: name, colon and space, value, CR and LF.
  /// - Parameters:
  ///   - nameLength: the name may be in any case.
  ///   - isUnique: nobody will say this again: it is not to push other fields out of the peer's table.
  mutating func encode(line: Span<UInt8>, nameLength: Int, isUnique: Bool = false, into output: inout ByteBuffer) {
    if encodeFollower(line, nameLength, &output) { return }
    let value = line.extracting((nameLength &+ 2)..<(line.count &- 2))
    encode(name: line.extracting(0..<nameLength), value: value, isUnique: isUnique, into: &output)
  }

  /// Appends a field.
  mutating func encode(name: Span<UInt8>, value: Span<UInt8>, isUnique: Bool = false, into output: inout ByteBuffer) {
    let nameHash = hashName(name)
    let hash = hashField(nameHash, value)
    if encodeKnown(name, value, hash, &output) { return }
    var place = staticTable.names.find(nameHash).map { Int($0) }
    if let found = place, !staticTable.isName(found, name) { place = nil }
    encodeNew(name, nameHash, place, value, hash, isUnique: isUnique, &output)
  }

  /// Appends a field whose name is the static table's.
  mutating func encode(_ name: StaticTable.Name, _ value: Span<UInt8>, into output: inout ByteBuffer) {
    staticTable.withName(name.rawValue) {
      let nameHash = staticTable.entry(name.rawValue).nameHash
      let hash = hashField(nameHash, value)
      if name != .path, encodeKnown($0, value, hash, &output) { return }
      encodeNew($0, nameHash, name.rawValue, value, hash, isUnique: false, &output)
    }
  }

  /// Appends the field that came after the last one before, if it is that again: mostly it is, and needs no hash then.
  private mutating func encodeFollower(_ line: Span<UInt8>, _ nameLength: Int, _ output: inout ByteBuffer) -> Bool {
    guard let number = last < 0 ? first : table.follower(of: last), number >= table.oldest else { return false }
    let entry = table.entry(number)
    guard entry.nameLength == nameLength, table.isLine(entry, line) else { return false }
    last = number
    output.append(integer: wireIndex(number), 0x80, prefix: 7)
    return true
  }

  /// Appends a field that is in the table.
  private mutating func encodeKnown(
    _ name: Span<UInt8>, _ value: Span<UInt8>, _ hash: UInt32, _ output: inout ByteBuffer
  ) -> Bool {
    guard let found = fields.find(hash), isField(Int(found), name, value) else { return false }
    follow(Int(found))
    output.append(integer: wireIndex(Int(found)), 0x80, prefix: 7)
    return true
  }

  private mutating func follow(_ number: Int) {
    if last < 0 { first = number } else { table.setFollower(of: last, number) }
    last = number
  }

  /// Appends a field that is not in the table.
  /// - Parameter place: the name's in the static table.
  private mutating func encodeNew(
    _ name: Span<UInt8>, _ nameHash: UInt32, _ place: Int?, _ value: Span<UInt8>, _ hash: UInt32, isUnique: Bool,
    _ output: inout ByteBuffer
  ) {
    if place != nil, let found = staticTable.fields.find(hash), staticTable.isField(Int(found), name, value) {
      return output.append(integer: Int(found) &+ 1, 0x80, prefix: 7)
    }
    let policy = isUnique ? .plain : policy(place, name, value)
    encodeLiteral(policy, nameIndex(place, nameHash, name), name, value, &output)
    guard policy == .indexed else { return }
    follow(table.added)
    keep(name, nameHash, value, hash)
  }

  /// Which fields are worth a place in the table: not what changes with every message, nor what fills it.
  private mutating func policy(_ place: Int?, _ name: Span<UInt8>, _ value: Span<UInt8>) -> Policy {
    switch place.flatMap(StaticTable.Name.init(rawValue:)) {
    case .authorization, .proxyAuthorization: return .never
    case .cookie where value.count < Self.guessableBytes: return .never
    case .path, .age, .contentLength, .etag, .ifModifiedSince, .ifNoneMatch, .location, .setCookie: return .plain
    case nil where isSecret(name): return .never
    default: return name.count &+ value.count &+ 32 > table.limit / 2 ? .plain : .indexed
    }
  }

  /// The index by which the peer finds the name; 0 when it does not.
  private mutating func nameIndex(_ place: Int?, _ hash: UInt32, _ name: Span<UInt8>) -> Int {
    if let place { return place &+ 1 }
    guard let number = names.find(hash).map({ Int($0) }), table.isName(table.entry(number), name) else { return 0 }
    return wireIndex(number)
  }

  private mutating func wireIndex(_ number: Int) -> Int { StaticTable.count &+ table.added &- number }

  private mutating func isField(_ number: Int, _ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
    let entry = table.entry(number)
    return table.isName(entry, name) && table.isValue(entry, value)
  }

  private mutating func encodeLiteral(
    _ policy: Policy, _ nameIndex: Int, _ name: Span<UInt8>, _ value: Span<UInt8>, _ output: inout ByteBuffer
  ) {
    output.append(integer: nameIndex, policy.rawValue, prefix: policy.prefix)
    if nameIndex == 0 {
      output.append(integer: name.count, 0, prefix: 7)
      output.append(lowercasing: name)
    }
    output.append(integer: value.count, 0, prefix: 7)
    output.append(value)
  }

  /// Puts a field into the table, as the peer does when it reads it (RFC 7541 §4.4).
  private mutating func keep(_ name: Span<UInt8>, _ nameHash: UInt32, _ value: Span<UInt8>, _ hash: UInt32) {
    makeRoom(for: name.count &+ value.count &+ 32)
    fields.set(hash, UInt64(table.added))
    names.set(nameHash, UInt64(table.added))
    table.append(name: name, value: value, nameHash: nameHash, fieldHash: hash)
  }

  private mutating func makeRoom(for cost: Int) {
    while table.isTooFull(for: cost) {
      let number = UInt64(table.oldest)
      let entry = table.evict()
      if fields.find(entry.fieldHash) == number { fields.remove(entry.fieldHash) }
      if names.find(entry.nameHash) == number { names.remove(entry.nameHash) }
    }
  }
}

extension ByteBuffer {
  /// Appends an integer whose first byte has `prefix` bits of it, behind a pattern (RFC 7541 §5.1).
  mutating func append(integer value: Int, _ pattern: UInt8, prefix: UInt8) {
    let mask = Int(1 &<< UInt(prefix)) &- 1
    if value < mask { return append(pattern | UInt8(truncatingIfNeeded: value)) }
    append(pattern | UInt8(truncatingIfNeeded: mask))
    var rest = value &- mask
    while rest >= 128 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest &>>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
}

private let secretWords: [StaticString] = ["token", "secret", "api-key", "password", "auth"]

/// Whether the name of a field tells that its value is a secret: who can make requests of their own on the connection must not be able to
/// guess it by sizes (RFC 7541 §7.1).
private func isSecret(_ name: Span<UInt8>) -> Bool {
  for start in name.indices {
    for word in secretWords {
      let end = start &+ word.utf8CodeUnitCount
      if end <= name.count, equalsIgnoringCase(name.extracting(start..<end), word) { return true }
    }
  }
  return false
}
