/// What a union does with the share of a branch that is not bound (negative or failed; never of one that is pending).
public enum OnUnbound: String, Hashable, Sendable, CaseIterable {
  /// The others take it while the bound branches hold at least half of the written weight; below that it goes to the
  /// next alternative, or fails with `no-endpoints`. The default: a canary that is alone does not get everything.
  case `guard`
  /// The others always take it, as in Linkerd.
  case redistribute
  /// It always fails with `no-endpoints`.
  case fail
}
