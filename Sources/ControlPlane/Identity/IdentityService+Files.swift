import SystemIO

extension IdentityService {
  /// How often the operator's files are looked at. Why: who renews them (cert-manager) does so days before they end.
  static let rereading = Duration.seconds(30)

  /// Looks at the operator's files when it is time to.
  func lookAtFiles() async {
    let now = controller.clocks.monotonic()
    let isDue = state.withLock { state in
      guard now >= state.lookAt else { return false }
      state.lookAt = now + Self.rereading
      return true
    }
    if isDue { await rereadFiles() }
  }

  /// Takes over what the operator's files have now. What is of no use leaves the old in force, which is said.
  func rereadFiles() async {
    guard let files = settings.ownFiles else { return }
    let fresh: OperatorAuthority
    do throws(OperatorFilesError) { fresh = try files.read() } catch { return refuse(error.description) }
    let held = state.withLock { $0.own }
    if fresh == held { return state.withLock { $0.ownFault = nil } }
    let authority = Authority(fresh, leaf: settings.leafLifetime)
    guard authority.isValid(at: now) else {
      return refuse("\(fresh.chain[0].facts.summary) or one above it has expired")
    }
    state.withLock { $0.own = fresh }
    if case .failure(let problem) = await change({ _, _ in }) {
      state.withLock { $0.own = held }
      return refuse(problem.detail)
    }
    state.withLock { $0.ownFault = nil }
    log?.info(
      "identity", "the files of identity.ca have changed: this signs from now on",
      [("certificate", fresh.chain[0].facts.summary), ("fingerprint", Facts.hex(fresh.chain[0].facts.fingerprint))])
  }

  /// Why the operator's files as they are now are not in force; nil: they are.
  var filesFault: String? { state.withLock { $0.ownFault } }

  private func refuse(_ reason: String) {
    let isNews = state.withLock { state in
      defer { state.ownFault = reason }
      return state.ownFault != reason
    }
    // Said once, not at every look.
    guard isNews else { return }
    counters.refusedFiles()
    log?.error("identity", "the files of identity.ca are of no use; the old authority stays", [("reason", reason)])
  }
}
