import JSONFormat
import MeshProtocol

/// How one dtab becomes another: entries that go, come, and change their place. Spaces, comments and the way numbers are
/// written do not count.
struct DtabDiff {
  enum Line: Equatable {
    /// With the number of the entry in the old table, from 1.
    case removed(Int, Dentry)
    /// With the number in the new one.
    case added(Int, Dentry)
    case moved(from: Int, to: Int, Dentry)
  }

  let lines: [Line]

  /// As many entries as possible stay where they are: a longest run of equal ones in the same order (patience sorting).
  init(from old: Dtab, to new: Dtab) {
    var free: [Dentry: [Int]] = [:]
    for (index, dentry) in old.dentries.enumerated().reversed() { free[dentry, default: []].append(index) }
    let origins = new.dentries.map { free[$0]?.popLast() }
    let staying = Self.longestIncreasing(origins)
    let gone = Set(old.dentries.indices).subtracting(origins.compactMap { $0 })
    let removed = gone.sorted().map { Line.removed($0 + 1, old.dentries[$0]) }
    let others = new.dentries.enumerated().compactMap { index, dentry -> Line? in
      guard let origin = origins[index] else { return .added(index + 1, dentry) }
      return staying.contains(index) ? nil : .moved(from: origin + 1, to: index + 1, dentry)
    }
    lines = removed + others
  }

  func text(on terminal: Terminal) -> [String] {
    if lines.isEmpty { return ["no difference"] }
    return lines.map { line in
      switch line {
      case .removed(let number, let dentry):
        terminal.painted("- \(number)  \(dentry.prefix) => \(dentry.destination)", .red)
      case .added(let number, let dentry):
        terminal.painted("+ \(number)  \(dentry.prefix) => \(dentry.destination)", .green)
      case .moved(let from, let to, let dentry):
        terminal.painted("> \(to)  \(dentry.prefix) => \(dentry.destination)  (was \(from))", .yellow)
      }
    }
  }

  /// Indexes into `numbers` of a longest run that grows; those without a number never stand in it.
  private static func longestIncreasing(_ numbers: [Int?]) -> Set<Int> {
    var tails: [Int] = []
    var previous = [Int](repeating: -1, count: numbers.count)
    for (index, number) in numbers.enumerated() {
      guard let number else { continue }
      let at = tails.firstIndex { (numbers[$0] ?? .max) >= number } ?? tails.count
      if at > 0 { previous[index] = tails[at - 1] }
      if at == tails.count { tails.append(index) } else { tails[at] = index }
    }
    var run: Set<Int> = []
    var at = tails.last ?? -1
    while at >= 0 {
      run.insert(at)
      at = previous[at]
    }
    return run
  }
}

extension DtabDiff {
  var json: JSON {
    let entries = lines.map { line -> JSON in
      switch line {
      case .removed(let number, let dentry): Self.entry("remove", [.init("from", JSON(number))], dentry)
      case .added(let number, let dentry): Self.entry("add", [.init("to", JSON(number))], dentry)
      case .moved(let from, let to, let dentry):
        Self.entry("move", [.init("from", JSON(from)), .init("to", JSON(to))], dentry)
      }
    }
    return .object([.init("diff", .array(entries))])
  }

  private static func entry(_ op: String, _ numbers: [JSON.Member], _ dentry: Dentry) -> JSON {
    .object(
      [.init("op", .string(op))] + numbers + [
        .init("prefix", .string("\(dentry.prefix)")), .init("destination", .string("\(dentry.destination)")),
      ])
  }
}
