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
  /// Of all fields, those that were left out among them.
  private var size = 0
  private var spelled = 0
  private var spare: [HeaderList] = []

  /// Lists whose storage is kept, and bytes that one of them has at most: an ordinary head.
  private static let spareLists = 64
  private static let spareBytes = 1024
  /// Storage of `bytes` above this is given back.
  private static let bytesKept = 16_384

  /// - Parameter limit: bytes, as `HeaderList.size` counts them.
  mutating func begin(limit: Int) {
    list = spare.popLast() ?? HeaderList()
    list.removeAll()
    self.limit = limit
    (size, spelled) = (0, 0)
    isTooLarge = false
    isSound = true
  }

  /// Counts a field, and says whether its line is to be appended to `bytes`: not after the list became too large.
  mutating func takes(_ entry: HPACKEntry) -> Bool {
    size &+= entry.cost
    if size > limit { isTooLarge = true }
    return !isTooLarge
  }

  /// Counts a field that was put together from its parts.
  mutating func countSpelled(_ entry: HPACKEntry) { spelled &+= entry.length }

  /// Fields were put together that are several times what a list may hold.
  var isFarTooLarge: Bool { spelled > 4 &* limit }

  /// Adds a field, of which `takes` was asked; of `entry` the place does not count.
  mutating func finishLine(_ entry: HPACKEntry) {
    if !entry.isSound { isSound = false }
    if isTooLarge { return }
    list.append(
      HeaderList.Entry(
        start: bytes.count &- entry.length, nameLength: entry.nameLength,
        valueLength: entry.valueEnd &- entry.valueStart,
        kind: entry.kind))
  }

  /// The list, which is then forgotten; nil when it was too large.
  mutating func take() -> HeaderList? {
    var taken = HeaderList()
    swap(&taken, &list)
    if !isTooLarge { taken.setLines(bytes.span) }
    if bytes.capacity > Self.bytesKept { bytes.release() } else { bytes.removeAll() }
    return isTooLarge ? nil : taken
  }

  /// Keeps the storage of a list.
  mutating func recycle(_ list: consuming HeaderList) {
    if spare.count < Self.spareLists, list.bytes.capacity <= Self.spareBytes { spare.append(list) }
  }
}
