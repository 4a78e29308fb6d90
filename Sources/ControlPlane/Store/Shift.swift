import JSONFormat

/// A change of a split's weights: `{"weights": {…}}` or `{"percent": {…}}`.
enum Shift: Sendable, Equatable {
  case weights([String: UInt32])
  /// In millionths of a percent, so that decimals are exact.
  case percent([String: UInt64])

  /// 100 % in the unit of `percent`.
  static let whole: UInt64 = 100_000_000

  struct Wanted: Sendable, Equatable {
    let shift: Shift
    let allowZero: Bool
  }

  static func read(_ json: JSON, _ findings: inout Findings) -> Wanted? {
    var fields = Fields(json, at: .root, &findings)
    let weights = fields.object("weights", atMost: Split.mostBackends, &findings)
    let percent = fields.object("percent", atMost: Split.mostBackends, &findings)
    let allowZero = fields.bool("allow_zero", &findings) ?? false
    fields.finish(&findings)
    switch (weights, percent) {
    case (let weights?, nil): return Wanted(shift: .weights(readWeights(weights, &findings)), allowZero: allowZero)
    case (nil, let percent?): return Wanted(shift: .percent(readPercent(percent, &findings)), allowZero: allowZero)
    default:
      findings.add(.root, "must have either \"weights\" or \"percent\"")
      return nil
    }
  }

  private static func readWeights(_ members: [JSON.Member], _ findings: inout Findings) -> [String: UInt32] {
    var out: [String: UInt32] = [:]
    for member in members {
      if let weight = member.value.whole, (0...Split.heaviest).contains(weight) {
        out[member.name] = UInt32(weight)
      } else {
        findings.add(.root / "weights" / member.name, "must be a whole number from 0 to \(Split.heaviest)")
      }
    }
    return out
  }

  private static func readPercent(_ members: [JSON.Member], _ findings: inout Findings) -> [String: UInt64] {
    var out: [String: UInt64] = [:]
    for member in members {
      let pointer = Pointer.root / "percent" / member.name
      guard let percent = member.value.double, (0...100).contains(percent) else {
        findings.add(pointer, "must be a number from 0 to 100")
        continue
      }
      let units = (percent * 1_000_000).rounded()
      // The wire has whole weights up to a million: a finer share than 0.0001 % cannot be given exactly.
      guard abs(units - percent * 1_000_000) < 1e-3, UInt64(units) % 100 == 0 else {
        findings.add(pointer, "must have at most four decimals")
        continue
      }
      out[member.name] = UInt64(units)
    }
    return out
  }

  /// The split with new weights; the others keep theirs (`weights`) or their proportions (`percent`).
  func applied(to split: Split, _ findings: inout Findings) -> Split {
    switch self {
    case .weights(let weights):
      checkNames(weights.keys, split, "weights", &findings)
      var next = split
      for i in next.backends.indices {
        next.backends[i].weight = weights[next.backends[i].name] ?? next.backends[i].weight
      }
      return next
    case .percent(let percent):
      checkNames(percent.keys, split, "percent", &findings)
      return findings.isEmpty ? Self.shared(split, percent, &findings) : split
    }
  }

  private func checkNames(_ names: some Sequence<String>, _ split: Split, _ field: String, _ findings: inout Findings) {
    for name in names.sorted() where !split.backends.contains(where: { $0.name == name }) {
      findings.add(.root / field / name, "no such backend")
    }
  }

  private static func shared(_ split: Split, _ percent: [String: UInt64], _ findings: inout Findings) -> Split {
    let pointer = Pointer.root / "percent"
    let named = percent.values.reduce(0, +)
    let others = split.backends.filter { percent[$0.name] == nil }
    let otherSum = others.reduce(UInt64(0)) { $0 + UInt64($1.weight) }
    if named > whole { findings.add(pointer, "the shares add up to more than 100") }
    if named < whole, otherSum == 0 {
      findings.add(
        pointer,
        others.isEmpty ? "the shares must add up to 100" : "the other backends have weight 0: they cannot take the rest"
      )
    }
    guard findings.isEmpty else { return split }
    return small(split, percent, named, otherSum) ?? large(split, percent, named, otherSum)
  }

  /// The smallest whole weights with exactly these proportions; nil when one is above the heaviest.
  private static func small(_ split: Split, _ percent: [String: UInt64], _ named: UInt64, _ otherSum: UInt64) -> Split?
  {
    // Multiplied out by whole * otherSum: at most 1e8 * 1e8 < 2^64.
    let scale = max(otherSum, 1)
    let parts = split.backends.map { percent[$0.name].map { $0 * scale } ?? UInt64($0.weight) * (whole - named) }
    let divisor = max(parts.reduce(0, greatestCommonDivisor), 1)
    // A shift keeps round numbers round: 10 % of two is 10 and 90, not 1 and 9.
    let total = parts.reduce(0, +) / divisor
    let factor = total > 0 && 100 % total == 0 ? 100 / total : 1
    let weights = parts.map { $0 / divisor * factor }
    guard weights.allSatisfy({ $0 <= UInt64(Split.heaviest) }) else { return nil }
    return replaced(split, weights)
  }

  /// Out of a million: the named shares exactly, the rest as near as whole numbers allow (largest remainder,
  /// Hamilton's method).
  private static func large(_ split: Split, _ percent: [String: UInt64], _ named: UInt64, _ otherSum: UInt64) -> Split {
    let million = UInt64(Split.heaviest)
    let rest = million - named / 100
    var weights = split.backends.map { percent[$0.name].map { $0 / 100 } ?? UInt64($0.weight) * rest / otherSum }
    let left = million - weights.reduce(0, +)
    let byRemainder = split.backends.indices.filter {
      percent[split.backends[$0].name] == nil && split.backends[$0].weight > 0
    }
    .sorted {
      UInt64(split.backends[$0].weight) * rest % otherSum > UInt64(split.backends[$1].weight) * rest % otherSum
    }
    for i in byRemainder.prefix(Int(left)) { weights[i] += 1 }
    return replaced(split, weights)
  }

  private static func replaced(_ split: Split, _ weights: [UInt64]) -> Split {
    var next = split
    for (i, weight) in weights.enumerated() { next.backends[i].weight = UInt32(weight) }
    return next
  }

  private static func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}
