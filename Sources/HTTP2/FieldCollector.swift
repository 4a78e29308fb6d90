import Memory

/// Where sessions of one thread gather the fields of a list, and keep the storage of lists that nobody needs any more: one for all of them,
/// so that an idle connection has none of its own.
public final class FieldStorage {
  let collector = ExclusiveCell(FieldCollector())

  public init() {}
}

/// Gathers the fields of one list, up to a limit.
struct FieldCollector: ~Copyable {
  /// The lines so far. A decoder appends the next, and then says `finishLine`.
  var bytes = ByteBuffer()
  private var list = HeaderList()
  private var isTooLarge = false
  /// Every field may stand in a message of HTTP/2 as it is.
  private(set) var isSound = true
  private var limit = 0
  private var spare: [HeaderList] = []

  /// Lists whose storage is kept, and bytes that one of them has at most: an ordinary head.
  private static let spareLists = 64
  private static let spareBytes = 1024

  /// - Parameter limit: bytes, as `HeaderList.size` counts them.
  mutating func begin(limit: Int) {
    if bytes.capacity > Self.spareLists * Self.spareBytes { bytes.release() } else { bytes.removeAll() }
    list = spare.popLast() ?? HeaderList()
    list.removeAll()
    self.limit = limit
    isTooLarge = false
    isSound = true
  }

  /// Adds the field whose line was appended to `bytes`; of `entry` the place does not count.
  mutating func finishLine(_ entry: HPACKEntry) {
    if !entry.isSound { isSound = false }
    let start = bytes.count &- entry.length
    let size = start &+ (32 &- HeaderList.Entry.padding) &* list.count
    if isTooLarge || size &+ entry.cost > limit {
      isTooLarge = true
      bytes.removeLast(entry.length)
      return
    }
    list.append(
      HeaderList.Entry(
        start: start, nameLength: entry.nameLength, valueLength: entry.valueEnd &- entry.valueStart, kind: entry.kind))
  }

  /// The list, which is then forgotten; nil when it was too large.
  mutating func take() -> HeaderList? {
    var taken = HeaderList()
    swap(&taken, &list)
    if isTooLarge { return nil }
    taken.setLines(bytes.span)
    return taken
  }

  /// Keeps the storage of a list.
  mutating func recycle(_ list: consuming HeaderList) {
    if spare.count < Self.spareLists, list.bytes.capacity <= Self.spareBytes { spare.append(list) }
  }
}
