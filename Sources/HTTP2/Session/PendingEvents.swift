import Memory

/// What the peer did and the driver has not taken yet, in order.
struct PendingEvents {
  /// As `HTTP2Event.Kind`, the field lists left out: these are numbers alone, and cost nothing to move.
  enum Kind {
    case request(ends: Bool)
    case response(ends: Bool)
    case informational
    case trailers
    case tooLarge
    case data(Range<Int>)
    case ended
    case endWritten
    case closed(HTTP2ErrorCode)
    case settings
    case pong(UInt64)
    case goAway(last: Int32, HTTP2ErrorCode)
  }

  struct Item {
    let stream: Int32
    let slot: Handle
    let kind: Kind
  }

  private var items: [Item] = []
  private var next = 0
  /// The lists of those items that have one, in order.
  private var lists: [HeaderList] = []
  private var nextList = 0
  /// Bytes of those lists that were not taken.
  private(set) var listBytes = 0

  /// More storage is given back when all were taken: a burst's is not kept by an idle connection.
  private static let kept = 64

  mutating func append(_ item: Item) { items.append(item) }

  /// Appends a message's head or trailers.
  mutating func append(_ item: Item, _ list: HeaderList) {
    items.append(item)
    lists.append(list)
    listBytes += list.bytes.count
  }

  mutating func take() -> Item? {
    guard next < items.count else {
      if next > 0 { removeAll() }
      return nil
    }
    next &+= 1
    return items[next &- 1]
  }

  private mutating func removeAll() {
    items.removeAll(keepingCapacity: items.capacity <= Self.kept)
    lists.removeAll(keepingCapacity: lists.capacity <= Self.kept)
    next = 0
    nextList = 0
  }

  /// The list of the item that was taken last.
  mutating func takeList() -> HeaderList {
    // Taken out, not copied: it has one owner.
    var list = HeaderList()
    swap(&list, &lists[nextList])
    nextList &+= 1
    listBytes -= list.bytes.count
    return list
  }
}

extension HTTP2Event.Kind {
  init(_ kind: PendingEvents.Kind, from events: inout PendingEvents) {
    switch kind {
    case .request(let ends): self = .request(events.takeList(), ends: ends)
    case .response(let ends): self = .response(events.takeList(), ends: ends)
    case .informational: self = .informational(events.takeList())
    case .trailers: self = .trailers(events.takeList())
    case .tooLarge: self = .tooLarge
    case .data(let range): self = .data(range)
    case .ended: self = .ended
    case .endWritten: self = .endWritten
    case .closed(let code): self = .closed(code)
    case .settings: self = .settings
    case .pong(let payload): self = .pong(payload)
    case .goAway(let last, let code): self = .goAway(last: last, code)
    }
  }
}
