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
    defer { next += 1 }
    return items[next]
  }
}

/// Gathers the fields of one list, up to a limit.
struct FieldCollector {
  private var list = HeaderList()
  private var isTooLarge = false
  private let limit: Int

  /// - Parameter limit: bytes, as `HeaderList.size` counts them.
  init(limit: Int) { self.limit = limit }

  mutating func begin() {
    list = HeaderList(reservingFields: HeaderList.ordinaryCount)
    isTooLarge = false
  }

  mutating func add(name: Span<UInt8>, value: Span<UInt8>) {
    if isTooLarge { return }
    if list.size + name.count + value.count + 32 > limit {
      isTooLarge = true
      list = HeaderList()
      return
    }
    list.append(name: name, value: value)
  }

  /// The list, which is then forgotten; nil when it was too large.
  mutating func take() -> HeaderList? {
    defer { list = HeaderList() }
    return isTooLarge ? nil : list
  }
}
