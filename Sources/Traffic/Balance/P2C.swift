/// Power of two choices: draw two different nodes, take the less loaded. The maximum load is exponentially better than
/// with one draw, and nobody has to look at all nodes. M. Mitzenmacher, IEEE TPDS 12(10), 2001.
public enum P2C {
  /// - Parameters:
  ///   - count: number of nodes, at least 1.
  ///   - load: of the node at an index; asked of two. Let worse states have loads above all better ones.
  /// - Returns: the index; of equally loaded ones the one drawn first.
  public static func pick(count: Int, using random: inout FastRandom, load: (Int) -> Double) -> Int {
    guard count > 1 else { return 0 }
    let a = random.below(count)
    var b = random.below(count - 1)
    if b >= a { b += 1 }
    return load(b) < load(a) ? b : a
  }
}
