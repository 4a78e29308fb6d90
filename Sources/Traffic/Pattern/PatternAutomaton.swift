/// A pattern as a nondeterministic automaton (Thompson's construction, 1968): every node of the pattern becomes a few
/// states, built from the end to the start so that each knows what follows it.
struct PatternAutomaton {
  enum State {
    /// Takes one byte of this set.
    case take(ByteSet, next: Int)
    /// Goes on at both without taking a byte.
    case fork(Int, Int)
    /// Goes on only where nothing stands before.
    case begin(next: Int)
    /// Goes on only where nothing stands behind.
    case end(next: Int)
    case accept
  }

  private(set) var states: [State] = [.accept]
  private(set) var start = 0

  init(_ node: PatternNode) throws(PatternError) { start = try add(node, before: 0) }

  private mutating func new(_ state: State) throws(PatternError) -> Int {
    guard states.count < PatternLimits.nodes else {
      throw PatternError(
        offset: 0, message: "is too large: its repetitions unfold to over \(PatternLimits.nodes) steps")
    }
    states.append(state)
    return states.count - 1
  }

  private mutating func add(_ node: PatternNode, before next: Int) throws(PatternError) -> Int {
    switch node {
    case .empty: return next
    case .bytes(let set): return try new(.take(set, next: next))
    case .begin: return try new(.begin(next: next))
    case .end: return try new(.end(next: next))
    case .sequence(let items):
      var at = next
      for item in items.reversed() { at = try add(item, before: at) }
      return at
    case .choice(let branches):
      var at = try add(branches[branches.count - 1], before: next)
      for branch in branches.dropLast().reversed() { at = try new(.fork(try add(branch, before: next), at)) }
      return at
    case .repetition(let inner, let least, let most):
      return try addRepetition(inner, least, most, before: next)
    }
  }

  private mutating func addRepetition(
    _ inner: PatternNode, _ least: Int, _ most: Int?, before next: Int
  ) throws(PatternError) -> Int {
    var at = next
    if let most {
      for _ in least..<max(least, most) { at = try new(.fork(try add(inner, before: at), next)) }
    } else {
      let loop = try new(.fork(next, next))
      states[loop] = .fork(try add(inner, before: loop), next)
      at = loop
    }
    for _ in 0..<least { at = try add(inner, before: at) }
    return at
  }
}

extension PatternAutomaton {
  /// What is reached from `seeds` without taking a byte: the states that take one or accept, ascending.
  func closure(_ seeds: [Int], atStart: Bool = false, atEnd: Bool = false) -> [Int] {
    var seen = Set(seeds)
    var open = seeds
    var reached: [Int] = []
    func visit(_ state: Int) { if seen.insert(state).inserted { open.append(state) } }
    while let state = open.popLast() {
      switch states[state] {
      case .take, .accept: reached.append(state)
      case .fork(let a, let b):
        visit(a)
        visit(b)
      case .begin(let next): if atStart { visit(next) }
      case .end(let next): if atEnd { visit(next) } else { reached.append(state) }
      }
    }
    return reached.sorted()
  }

  /// Where one byte leads from these states, before closing.
  func step(_ from: [Int], _ byte: UInt8) -> [Int] {
    from.compactMap { state in
      if case .take(let set, let next) = states[state], set.contains(byte) { return next }
      return nil
    }
  }

  /// Whether the text may end here.
  func accepts(_ set: [Int], atStart: Bool) -> Bool {
    closure(set, atStart: atStart, atEnd: true).contains(0)
  }
}
