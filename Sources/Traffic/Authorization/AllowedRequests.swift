import Memory

/// The requests that one group of callers may make, found by path: what the rules for it come to.
final class AllowedRequests: Sendable {
  /// By rules without paths: they hold for connections of bytes, too.
  private let everyPath: AllowedMethods
  private let prefixes: ByteTable
  private let byPrefix: [AllowedMethods]
  private let longestPrefix: Int

  init(_ rules: [NumberedRule]) {
    var everyPath = AllowedMethods()
    var byPrefix: [AllowedMethods] = []
    var places: [[UInt8]: Int32] = [:]
    for rule in rules {
      if rule.rule.paths.isEmpty { everyPath.add(rule) }
      for path in rule.rule.paths {
        let prefix = Array(path.hasSuffix("/") ? path.dropLast().utf8 : path[...].utf8)
        let place = places[prefix] ?? Int32(truncatingIfNeeded: byPrefix.count)
        if place == byPrefix.count { byPrefix.append(AllowedMethods()) }
        places[prefix] = place
        byPrefix[Int(place)].add(rule)
      }
    }
    self.everyPath = everyPath
    self.byPrefix = byPrefix
    prefixes = ByteTable.holding(places)
    longestPrefix = places.keys.reduce(0) { max($0, $1.count) }
  }

  var matchesPaths: Bool { !byPrefix.isEmpty }

  /// The rule that allows this method whatever the path is; nil when none does.
  func find(method: Span<UInt8>) -> RuleNumber? { everyPath.find(method) }

  /// The rule that allows a connection of bytes.
  var ofBytes: RuleNumber? { everyPath.everyMethod }

  /// The rule with the longest path that allows the request; nil when none does.
  /// - Parameter path: in its normal form.
  func find(method: Span<UInt8>, path: Span<UInt8>) -> RuleNumber? {
    var end = path.count
    while true {
      if end <= longestPrefix, let place = prefixes.find(path.extracting(0..<end)),
        let found = byPrefix[Int(place)].find(method)
      {
        return found
      }
      guard end > 0 else { return nil }
      end &-= 1
      while end > 0, path[end] != UInt8(ascii: "/") { end &-= 1 }
    }
  }
}

/// Which rule: indexes of the authorization in its table and of the rule in that.
struct RuleNumber: Hashable, Sendable {
  let authorization: Int32
  let rule: Int32
}

/// The methods that are allowed, each with the first rule that does.
private struct AllowedMethods: Sendable {
  private(set) var everyMethod: RuleNumber?
  private var methods: [AllowedMethod] = []

  mutating func add(_ rule: NumberedRule) {
    if rule.rule.methods.isEmpty, everyMethod == nil { everyMethod = rule.number }
    for name in rule.rule.methods.map({ Array($0.utf8) }) where !methods.contains(where: { $0.name == name }) {
      methods.append(AllowedMethod(name: name, rule: rule.number))
    }
  }

  func find(_ method: Span<UInt8>) -> RuleNumber? {
    if let everyMethod { return everyMethod }
    for i in methods.indices where methods[i].isNamed(method) { return methods[i].rule }
    return nil
  }
}

private struct AllowedMethod: Sendable {
  let name: [UInt8]
  let rule: RuleNumber

  func isNamed(_ method: Span<UInt8>) -> Bool { bytesEqual(name.span, method) }
}
