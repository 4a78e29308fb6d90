import MeshProtocol
import TestSupport

/// Trees for tests, from a seed.
enum RandomNames {
  static func tree(_ random: inout SeededRandom, depth: Int) -> NameTree<Path> {
    switch random.below(depth == 0 ? 5 : 8) {
    case 0: return .fail
    case 1: return .neg
    case 2: return .empty
    case 3, 4: return .leaf(path(&random))
    case 5, 6: return .alt((0..<2 + random.below(3)).map { _ in tree(&random, depth: depth - 1) })
    default:
      return .union(
        (0..<2 + random.below(3)).map { _ in
          Weighted(weight: Weight(Double(random.below(1000)) / 8)!, tree: tree(&random, depth: depth - 1))
        })
    }
  }

  static func path(_ random: inout SeededRandom) -> Path {
    Path(labels: (0..<random.below(4)).map { _ in ["a", "b#", "$", "x y", "ü", "%"][random.below(6)] })!
  }
}

extension Path: ExpressibleByStringLiteral {
  public init(stringLiteral text: String) {
    do { try self.init(parsing: text) } catch { preconditionFailure("\(error)") }
  }
}

extension Weight: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  public init(floatLiteral value: Double) { self = Weight(value)! }
  public init(integerLiteral value: UInt32) { self.init(value) }
}

func * (weight: Weight, path: Path) -> Weighted<Path> { Weighted(weight: weight, tree: .leaf(path)) }
