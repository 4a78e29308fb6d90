/// The fields of one head or trailer section, in order. Made to be reused: it allocates once, when it is made.
///
/// The storage is an array and no `InlineArray`: Swift 6.3 copies a large inline value on many reads (2 KiB per
/// access, a third of the whole parse when measured).
public struct FieldTable: ~Copyable {
  /// Most fields that fit, whatever ``HeadLimits/maxFields`` says.
  public static let capacity = 128

  private var storage = [Field](
    repeating: Field(nameStart: 0, nameEnd: 0, valueStart: 0, valueEnd: 0), count: FieldTable.capacity)
  public private(set) var count = 0
  private let names = NameIndex.shared
  /// One bit per ``FieldName`` that is here, and one per name that is here more than once.
  private var present: UInt64 = 0
  private var repeated: UInt64 = 0
  /// Fields left out because their names spell a security-relevant name with `_` for `-`, or, in trailers, because
  /// they may not stand there.
  public internal(set) var droppedCount = 0

  public init() {}

  /// - Precondition: `0 ≤ i < count`.
  public subscript(i: Int) -> Field {
    @inline(__always) get {
      precondition(i >= 0 && i < count)
      return storage[i]
    }
  }

  /// Whether a field of that name is here; costs one test of a bit.
  @inline(__always) public func contains(_ name: FieldName) -> Bool { present & name.bit != 0 }

  /// Whether more than one field of that name is here.
  @inline(__always) public func hasSeveral(_ name: FieldName) -> Bool { repeated & name.bit != 0 }

  /// The first field of that name.
  public func first(_ name: FieldName) -> Field? {
    guard contains(name) else { return nil }
    for i in 0..<count where storage[i].name == name { return storage[i] }
    return nil
  }

  /// The name at `start ..< end`, all token bytes; words may be read up to `readable`.
  @inline(__always) func name(_ s: Span<UInt8>, from start: Int, to end: Int, readable: Int) -> FieldName {
    names.name(NameKey(s, from: start, to: end, readable: readable))
  }

  /// The name as a server would read it that takes `_` for `-`.
  func disguisedName(_ s: Span<UInt8>, _ range: Range<Int>) -> FieldName {
    names.name(NameKey(s, range, underscoreIsHyphen: true))
  }

  /// False when the table is full.
  @inline(__always) mutating func append(_ field: Field) -> Bool {
    guard count < FieldTable.capacity else { return false }
    storage[count] = field
    count &+= 1
    repeated |= present & field.name.bit
    present |= field.name.bit
    return true
  }

  @inline(__always) mutating func removeAll() {
    count = 0
    present = 0
    repeated = 0
    droppedCount = 0
  }

  /// Leaves out the fields whose names fail `isKept` and counts them as dropped.
  mutating func keepOnly(_ isKept: (FieldName) -> Bool) {
    let (all, dropped) = (count, droppedCount)
    removeAll()
    for i in 0..<all where isKept(storage[i].name) { _ = append(storage[i]) }
    droppedCount = dropped &+ all &- count
  }

  mutating func markHopByHop(at i: Int) { storage[i].isHopByHop = true }
}

extension FieldName {
  /// There are fewer than 64 names; a test holds us to it.
  @inline(__always) var bit: UInt64 { 1 &<< UInt64(rawValue) }
}
