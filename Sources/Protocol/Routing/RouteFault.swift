/// What is wrong with one field of a route.
public struct RouteFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Names and indexes from the route down, such as `matches`, `0`, `path`, `prefix`.
  public let field: [String]
  public let message: String

  public init(field: [String], message: String) {
    self.field = field
    self.message = message
  }

  public var description: String { "\(field.joined(separator: ".")) \(message)" }
}

/// Collects faults with the place they were found at.
struct RouteChecker {
  private(set) var faults: [RouteFault] = []
  private var place: [String] = []

  mutating func add(_ message: String) { faults.append(RouteFault(field: place, message: message)) }

  /// Notes `message` unless it is nil.
  mutating func note(_ message: String?) {
    if let message { add(message) }
  }

  mutating func within(_ names: String..., check: (inout RouteChecker) -> Void) {
    place += names
    check(&self)
    place.removeLast(names.count)
  }

  mutating func each<Item>(
    _ name: String, _ items: [Item], atMost limit: Int, check: (inout RouteChecker, Item) -> Void
  ) {
    within(name) { checker in
      if items.count > limit { checker.add("has more than \(limit) items") }
      for (index, item) in items.prefix(limit).enumerated() {
        checker.within(String(index)) { check(&$0, item) }
      }
    }
  }
}
