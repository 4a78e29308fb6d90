import HTTP2

extension Wire {
  /// Writes per event. Why: a peer that takes everything at once must not keep the others waiting; the rest comes next turn.
  private static let rounds = 16

  /// Gives what was read to the session; the ranges in its events refer to `input`, which is to be emptied when they are taken.
  mutating func feed(_ session: HTTP2Session, on loop: ServiceLoop) -> HTTP2Fault? {
    session.receive(input.span, at: loop.now.milliseconds)
  }

  mutating func dropInput(on loop: ServiceLoop) {
    input.removeAll()
    loop.buffers.reclaim(&input)
  }

  /// Writes what the session has to send, as far as the kernel takes it.
  /// - Parameter limit: bytes asked of the session at a time.
  mutating func flush(_ session: HTTP2Session, limit: Int, on loop: ServiceLoop) -> Flushed {
    for _ in 0..<Self.rounds {
      willAppend(on: loop)
      // What the kernel has not taken yet goes first: the session counts what it still holds.
      if output.isEmpty { session.write(into: &output, limit: limit) }
      let isDry = output.isEmpty
      let flushed = flush(on: loop)
      if isDry || flushed != .done { return flushed }
    }
    return continueLater(on: loop) ? .waiting : .failed
  }
}
