import Memory

// State of a session in pieces that one call changes: a class's property is checked for overlapping accesses at each touch, and a
// request makes a hundred of them.

/// What the peer did and the driver has not taken yet, in order.
struct PendingEvents {
  struct Item {
    let stream: Int32
    let slot: Handle
    let kind: HTTP2Event.Kind
  }

  private var items: [Item] = []
  private var next = 0

  /// More storage is given back when all were taken: a burst's is not kept by an idle connection.
  private static let kept = 64

  mutating func append(_ item: Item) { items.append(item) }

  mutating func take() -> Item? {
    guard next < items.count else {
      items.removeAll(keepingCapacity: items.capacity <= Self.kept)
      next = 0
      return nil
    }
    // Taken out, not copied: what it holds has one owner.
    var item = Item(stream: 0, slot: .none, kind: .ended)
    swap(&item, &items[next])
    next += 1
    return item
  }
}

/// Gathers the fields of one list, up to a limit: in storage that serves every list of the session, and is copied once.
struct FieldCollector: ~Copyable {
  private var bytes = ByteBuffer()
  private var entries: [HeaderList.Entry] = []
  private var isTooLarge = false
  private let limit: Int

  /// Fields that a list has room for at once.
  private static let ordinaryCount = 16

  /// - Parameter limit: bytes, as `HeaderList.size` counts them.
  init(limit: Int) { self.limit = limit }

  mutating func begin() {
    bytes.removeAll()
    entries = []
    entries.reserveCapacity(Self.ordinaryCount)
    isTooLarge = false
  }

  mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
    let start = bytes.count
    let size = start + (32 - HeaderList.Entry.padding) * entries.count
    if isTooLarge || size + name.count + value.count + 32 > limit {
      isTooLarge = true
      return
    }
    // libnghttp2 refuses names with capitals.
    bytes.appendLine(name, value)
    entries.append(HeaderList.Entry(start: start, name: name, valueLength: value.count))
  }

  /// The list, which is then forgotten; nil when it was too large.
  mutating func take() -> HeaderList? {
    defer {
      entries = []
      // A session that is idle keeps room for an ordinary list.
      if bytes.capacity > Self.ordinaryCount * 64 { bytes.release() } else { bytes.removeAll() }
    }
    return isTooLarge ? nil : HeaderList(lines: bytes.span, entries: entries)
  }
}
