extension IdentityDesk {
  /// Why there is no certificate, or what is the matter with it; for readiness.
  var detail: String {
    let reason = [proofFault, machine.failure].filter { !$0.isEmpty }.joined(separator: "; ")
    guard let holding = machine.holding, let id else {
      if case .none = machine.state { return "no certificate, and no token to get one with" }
      return "no certificate yet: " + (reason.isEmpty ? "no controller answered" : reason)
    }
    let left = holding.life.notAfter - now
    var text = left >= 0 ? "\(id), certificate valid for \(left) s" : "\(id), certificate expired \(-left) s ago"
    if isAlarming { text += "; ALARM: it is not renewed" }
    if !reason.isEmpty { text += ": \(reason)" }
    return text
  }
}

/// What the desk counts, for `/metrics`.
struct IdentityCounters {
  var renewals: UInt64 = 0
  var failures: UInt64 = 0
  var bundlesRefused: UInt64 = 0
  var writeFailures: UInt64 = 0
}
