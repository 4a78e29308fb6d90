import MeshProtocol

/// How a new table of rules takes the place of the old one: which rule keeps its id, and its place.
struct DtabReplacement {
  /// The new table in order: the old id of each entry that stays or only changes its destination, and nil for new ones.
  private(set) var ids: [String?]

  /// Equal entries are matched first, in order; then, of those left, entries of the same prefix.
  init(old: [(id: String, rule: Rule)], new: [Rule.Wanted]) {
    ids = Array(repeating: nil, count: new.count)
    var rest = Self.match(old, new, &ids) { .init(prefix: $0, destination: $1) }
    rest = Self.match(rest, new, &ids) { prefix, _ in .init(prefix: prefix, destination: nil) }
    gone = rest.map(\.id)
  }

  /// Ids that nothing in the new table matches.
  private(set) var gone: [String] = []

  private struct Key: Hashable { let prefix: Prefix, destination: NameTree<Path>? }

  private static func match(
    _ old: [(id: String, rule: Rule)], _ new: [Rule.Wanted], _ ids: inout [String?],
    by key: (Prefix, NameTree<Path>) -> Key
  ) -> [(id: String, rule: Rule)] {
    var free: [Key: [Int]] = [:]
    for (i, entry) in old.enumerated().reversed() {
      free[key(entry.rule.prefix, entry.rule.destination), default: []].append(i)
    }
    var taken: Set<Int> = []
    for (i, wanted) in new.enumerated() where ids[i] == nil {
      guard let at = free[key(wanted.prefix, wanted.destination)]?.popLast() else { continue }
      ids[i] = old[at].id
      taken.insert(at)
    }
    return old.enumerated().filter { !taken.contains($0.offset) }.map(\.element)
  }

  /// Places for the new table: as many entries as possible stay where they are (a longest increasing run of their old
  /// places, found by patience sorting), the others go between.
  /// - Returns: nil when there is no room; then all get new places.
  static func places(_ held: [SortKey?]) -> [SortKey]? {
    let staying = longestIncreasing(held)
    var out: [SortKey] = []
    var next = 0
    for i in held.indices {
      if next < staying.count, staying[next] == i, let place = held[i] {
        out.append(place)
        next += 1
        continue
      }
      let high = next < staying.count ? held[staying[next]] : nil
      guard let place = SortKey.between(out.last, high) else { return nil }
      out.append(place)
    }
    return out
  }

  static func freshPlaces(_ count: Int) -> [SortKey] {
    var out: [SortKey] = []
    for _ in 0..<count { if let place = SortKey.between(out.last, nil) { out.append(place) } }
    return out
  }

  /// Indexes of a longest strictly increasing run.
  private static func longestIncreasing(_ keys: [SortKey?]) -> [Int] {
    var tails: [Int] = []
    var previous = [Int](repeating: -1, count: keys.count)
    for i in keys.indices {
      guard let key = keys[i] else { continue }
      var (low, high) = (0, tails.count)
      while low < high {
        let middle = (low + high) / 2
        if let tail = keys[tails[middle]], tail < key { low = middle + 1 } else { high = middle }
      }
      if low > 0 { previous[i] = tails[low - 1] }
      if low == tails.count { tails.append(i) } else { tails[low] = i }
    }
    var run: [Int] = []
    var at = tails.last ?? -1
    while at >= 0 {
      run.append(at)
      at = previous[at]
    }
    return run.reversed()
  }
}

extension Edit {
  /// Makes `table` the whole table of rules. A comment that an entry does not bring stays with the entry that stays.
  mutating func replaceRules(_ table: [Rule.Wanted]) throws(Problem) {
    let old = state.sequence.ids().compactMap { id in state.rule(id).map { (id: id, rule: $0) } }
    let replacement = DtabReplacement(old: old, new: table)
    let held = Dictionary(old.map { ($0.id, $0.rule) }) { first, _ in first }
    for id in replacement.gone { remove(.rule, id) }
    let places =
      DtabReplacement.places(replacement.ids.map { $0.flatMap { held[$0]?.place } })
      ?? DtabReplacement.freshPlaces(table.count)
    guard places.count == table.count else { throw .impossible("The table has more entries than there are places.") }
    // Those that move leave their places before others take them.
    for (id, place) in zip(replacement.ids, places) { if let id, held[id]?.place != place { remove(.rule, id) } }
    for (i, wanted) in table.enumerated() {
      let kept = replacement.ids[i]
      let comment = wanted.comment.isEmpty ? kept.flatMap { held[$0]?.comment } ?? "" : wanted.comment
      let rule = Rule(prefix: wanted.prefix, destination: wanted.destination, comment: comment, place: places[i])
      put(.rule, kept ?? nextRuleID(), .rule(rule))
    }
  }
}
