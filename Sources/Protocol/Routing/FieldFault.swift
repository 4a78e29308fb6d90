/// What is wrong with one field of a route or an authorization.
public struct FieldFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Names and indexes from the resource down, such as `matches`, `0`, `path`, `prefix`.
  public let field: [String]
  public let message: String

  public init(field: [String], message: String) {
    self.field = field
    self.message = message
  }

  public var description: String { "\(field.joined(separator: ".")) \(message)" }
}

/// Collects faults with the place they were found at.
struct FieldChecker {
  private(set) var faults: [FieldFault] = []
  private var place: [String] = []

  mutating func add(_ message: String) { faults.append(FieldFault(field: place, message: message)) }

  /// Notes `message` unless it is nil.
  mutating func note(_ message: String?) {
    if let message { add(message) }
  }

  mutating func within(_ names: String..., check: (inout FieldChecker) -> Void) {
    place += names
    check(&self)
    place.removeLast(names.count)
  }

  mutating func each<Item>(
    _ name: String, _ items: [Item], atMost limit: Int, check: (inout FieldChecker, Item) -> Void
  ) {
    within(name) { checker in
      if items.count > limit { checker.add("has more than \(limit) items") }
      for (index, item) in items.prefix(limit).enumerated() {
        checker.within(String(index)) { check(&$0, item) }
      }
    }
  }
}
