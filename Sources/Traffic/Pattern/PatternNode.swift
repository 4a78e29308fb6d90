/// A pattern as its author wrote it. Depth is bounded by `PatternLimits.nesting`, so walks may recurse.
indirect enum PatternNode {
  case empty
  case bytes(ByteSet)
  /// `^`: nothing stands before.
  case begin
  /// `$`: nothing stands behind.
  case end
  case sequence([PatternNode])
  case choice([PatternNode])
  /// `atMost` nil: without bound.
  case repetition(PatternNode, atLeast: Int, atMost: Int?)
}
