/// One field line, as offsets into the bytes that were parsed. 16 bytes. Optional white space around the value is
/// outside.
public struct Field: Hashable, Sendable {
  var nameOffset: UInt32
  var valueOffset: UInt32
  var nameSize: UInt16
  var valueSize: UInt16
  /// The name, when it is one that the mesh knows.
  public var name: FieldName
  /// Not to be forwarded: by its name, or because `Connection` lists it.
  public var isHopByHop: Bool

  /// Offset of the name's first byte.
  public var nameStart: Int { Int(nameOffset) }
  /// Bytes of the name, at least 1.
  public var nameLength: Int { Int(nameSize) }
  /// Offset of the value's first byte.
  public var valueStart: Int { Int(valueOffset) }
  /// Bytes of the value, 0 when it is empty.
  public var valueLength: Int { Int(valueSize) }
  /// Offset behind the name.
  public var nameEnd: Int { Int(nameOffset) &+ Int(nameSize) }
  /// Offset behind the value.
  public var valueEnd: Int { Int(valueOffset) &+ Int(valueSize) }
  public var nameRange: Range<Int> { nameStart..<nameEnd }
  public var valueRange: Range<Int> { valueStart..<valueEnd }

  /// A head is at most 65 535 bytes (``HeadLimits/maxBytes``), so the lengths fit.
  init(nameStart: Int, nameEnd: Int, valueStart: Int, valueEnd: Int) {
    nameOffset = UInt32(truncatingIfNeeded: nameStart)
    nameSize = UInt16(truncatingIfNeeded: nameEnd &- nameStart)
    valueOffset = UInt32(truncatingIfNeeded: valueStart)
    valueSize = UInt16(truncatingIfNeeded: valueEnd &- valueStart)
    name = .other
    isHopByHop = false
  }
}
