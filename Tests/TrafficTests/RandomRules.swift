import MeshProtocol
import TestSupport
import Traffic

/// Rules over a few labels, so that they meet often.
struct RandomRules {
  var random: SeededRandom

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  mutating func path(_ length: ClosedRange<Int> = 0...4) -> Path {
    Path(labels: (0..<length.lowerBound + random.below(length.count)).map { _ in label() })!
  }

  private mutating func label() -> String { ["a", "b", "c", "#", "$"][random.below(5)] }

  mutating func prefix() -> Prefix {
    Prefix(
      elements: path(0...3).segments.map { random.below(4) == 0 ? .any : .label($0) })
  }

  mutating func tree(depth: Int = 2) -> NameTree<Path> {
    switch random.below(depth == 0 ? 6 : 8) {
    case 0: return .neg
    case 1: return .fail
    case 2: return .leaf(Path(labels: ["#", "n", "\(random.below(4))"])!)
    case 3, 4, 5: return .leaf(path(1...3))
    case 6: return .alt((0..<2).map { _ in tree(depth: depth - 1) })
    default:
      return .union(
        (0..<2).map { _ in Weighted(weight: Weight(UInt32(random.below(4))), tree: tree(depth: depth - 1)) })
    }
  }

  mutating func entry(_ number: Int, revision: UInt64 = 1) -> RuleEntry {
    let dentry = Dentry(prefix: prefix(), destination: tree())
    let tier: RuleTier = random.below(3) == 0 ? .file : .rules
    return RuleEntry(
      origin: .rule(id: "r\(number)", revision: revision),
      order: RuleOrder(tier: tier, position: random.below(1000) * 100 + number),
      dentry: dentry)
  }
}
