import Serving

/// A watch that ends by a closure.
final class ClosureWatch: NamerWatch {
  private var end: (() -> Void)?

  init(_ end: @escaping () -> Void) { self.end = end }

  func cancel() { end.take()?() }
}

/// A watch of a name that cannot be: it tells so once.
final class SettledWatch: NamerWatch {
  private var isOver = false

  init(_ context: NamerContext, _ finding: Finding, _ tell: @escaping (Finding) -> Void) {
    context.loop.schedule(after: .zero) { [weak self] in
      if let self, !self.isOver { tell(finding) }
    }
  }

  func cancel() { isOver = true }
}
