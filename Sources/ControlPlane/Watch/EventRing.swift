/// One server-sent event (WHATWG HTML, section 9.2).
struct MeshEvent: Sendable {
  let number: UInt64
  let namespace: String
  let name: String
  /// One line of JSON.
  let data: String
}

/// The newest events, bounded, with ids that tell another run of the controller from this one. A value without I/O.
struct EventRing: Sendable {
  /// Events kept for those who come back. Why: a browser that was away for minutes should miss nothing; memory is
  /// bounded. Beyond: a `reset` event tells the reader to load everything anew.
  static let capacity = 4096

  /// Of this run; part of every id.
  let run: String
  private var events: [MeshEvent] = []
  private var first = 0
  private(set) var lastNumber: UInt64 = 0

  init(run: String) { self.run = run }

  mutating func append(_ namespace: String, _ name: String, _ data: String) -> MeshEvent {
    lastNumber += 1
    let event = MeshEvent(number: lastNumber, namespace: namespace, name: name, data: data)
    if events.count < Self.capacity {
      events.append(event)
    } else {
      events[first] = event
      first = (first + 1) % Self.capacity
    }
    return event
  }

  /// The events of a namespace after an id as this ring wrote it. Nil: the id is of another run, or too old, or
  /// nonsense.
  func events(of namespace: String, after id: String) -> [MeshEvent]? {
    guard let number = number(of: id), number <= lastNumber else { return nil }
    let oldest = lastNumber - UInt64(events.count)
    guard number >= oldest else { return nil }
    let ordered = events[first...] + events[..<first]
    return ordered.filter { $0.number > number && $0.namespace == namespace }
  }

  func id(_ number: UInt64) -> String { "\(run)-\(number)" }

  /// The event as it travels.
  func text(_ event: MeshEvent) -> [UInt8] {
    Array("id: \(id(event.number))\nevent: \(event.name)\ndata: \(event.data)\n\n".utf8)
  }

  /// What a reader whose id is unknown gets first: everything it shows may be old.
  func resetText() -> [UInt8] { Array("id: \(id(lastNumber))\nevent: reset\ndata: {}\n\n".utf8) }

  private func number(of id: String) -> UInt64? {
    guard id.hasPrefix(run + "-") else { return nil }
    return UInt64(id.dropFirst(run.count + 1))
  }
}
