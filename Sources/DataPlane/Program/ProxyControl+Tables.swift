import MeshProtocol
import Serving
import SystemIO

/// A table to be made.
enum CompileJob {
  case candidate(ConfigurationCandidate)
  /// The file's own rules changed.
  case file(Dtab)
  /// The proxy got another identity: other authorizations may target it.
  case identity(SPIFFEID)

  var isOfFile: Bool {
    if case .file = self { true } else { false }
  }
}

extension ProxyControl {
  /// Bytes of changed resources after which freed memory goes back to the system at once. Below it is not worth the time:
  /// the next changes use it.
  static let largeChange = 1 << 20

  /// Puts a job behind those that wait; one table is made and swapped at a time.
  func enqueue(_ job: CompileJob) {
    jobs.append(job)
    startNext()
  }

  private func startNext() {
    guard underWay == nil, !jobs.isEmpty, let confined else { return }
    let job = jobs.removeFirst()
    underWay = job
    let services = ledger.activeServices.compactMap { try? Path(parsing: $0) }
    start.compiler.execute { compiler in
      let result: Result<CompiledTable, RefusedCandidate> =
        switch job {
        case .candidate(let candidate): compiler.compile(candidate, services: services)
        case .file(let dtab): .success(compiler.replaceFile(dtab, services: services))
        case .identity(let identity): .success(compiler.replaceIdentity(identity, services: services))
        }
      confined.execute { $0.compiled(result) }
    }
  }

  private func compiled(_ result: Result<CompiledTable, RefusedCandidate>) {
    switch result {
    case .success(let compiled): prepare(compiled)
    case .failure(let refused):
      underWay = nil
      machine.refused(refused.faults, at: loop.now)
      perform()
      startNext()
    }
  }

  /// Subscribes what the table makes reachable, and waits a little for it.
  private func prepare(_ compiled: CompiledTable) {
    if let table = swap.begin(compiled.table, missing: announce(compiled.reachable), at: loop.now) {
      order(table)
    } else {
      loop.schedule(after: TableSwap.patience) { [weak self] in self?.patienceIsOver() }
    }
    perform()
  }

  private func patienceIsOver() {
    if let table = swap.tick(at: loop.now) {
      order(table)
    } else if let deadline = swap.deadline, deadline > loop.now {
      loop.schedule(after: deadline - loop.now) { [weak self] in self?.patienceIsOver() }
    }
  }

  /// Orders the swap at every worker.
  func order(_ table: RoutingTable) {
    for worker in workers { worker.send(.run(table)) }
  }

  /// A worker swapped. After the last one the revision is applied.
  func running(_ worker: Int, _ generation: UInt64) {
    guard let applied = swap.running(worker: worker, generation: generation) else { return }
    let old = table
    table = applied
    // Freeing a large table takes long: its last reference ends on the compiler's thread.
    start.compiler.execute { _ in withExtendedLifetime(old) {} }
    let job = underWay
    underWay = nil
    counters.swapsApplied += 1
    switch job {
    case .candidate(let candidate):
      machine.applied(at: loop.now)
      if candidate.changedBytes >= Self.largeChange { returnMemory() }
      hasConfiguration = true
      if machine.isOpen { isStale = false }
      unsaved.configuration = machine.isOpen || unsaved.configuration
    case .file: if !jobs.contains(where: \.isOfFile) { local.finishReload() }
    case .identity, nil: break
    }
    log.info("control", "applied", [("revision", "\(applied.revision)"), ("rules", "\(applied.rules.count)")])
    perform()
    saveIfDue()
    startNext()
  }

  /// Gives back what reading, compiling and the old table took. On this thread, after the compiler has freed the old table: one
  /// of low priority could be put aside with a lock that workers wait for when they allocate.
  private func returnMemory() {
    guard let confined else { return }
    start.compiler.execute { _ in confined.execute { _ in returnFreeMemory() } }
  }
}
