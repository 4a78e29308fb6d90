import Memory

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
