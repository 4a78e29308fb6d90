import MeshProtocol

extension ProxyControl {
  /// A worker needs the endpoints of a name.
  func want(_ name: Path, _ worker: Int) {
    if local.answers(name) { return local.want(name, worker: worker) }
    machine.want(name, holder: worker, at: loop.now)
    perform()
  }

  /// A worker has no more use for a name.
  func release(_ name: Path, _ worker: Int) {
    local.release(name, worker: worker)
    machine.release(name, holder: worker, at: loop.now)
    perform()
  }

  /// Names that are about to be needed, whoever answers them. Returns those of which nothing is known yet and something
  /// will be.
  func announce(_ names: [Path]) -> Set<Path> {
    let own = announceOwn(names)
    let remote = names.filter { !local.answers($0) && EndpointSet(literal: $0) == nil }
    for name in remote where machine.names[name] == nil { machine.want(name, holder: nil, at: loop.now) }
    // Without a controller nobody will answer, so nobody is waited for.
    return machine.isOpen ? own.union(machine.unanswered(remote)) : own
  }

  /// The same of those that this proxy answers by itself.
  func announceOwn(_ names: [Path]) -> Set<Path> {
    local.announce(names.filter { local.answers($0) && EndpointSet(literal: $0) == nil })
  }

  /// Tells these workers, which hold a name, its state now.
  func publish(_ set: EndpointSet, to holders: Set<Int>) {
    for worker in holders where workers.indices.contains(worker) { workers[worker].send(.endpoints(set)) }
    guard set.state != .pending else { return }
    if let table = swap.answered(set.name) { order(table) }
    answered(set.name)
  }

  /// Takes over the names of a file that was read again.
  func replaceNames(by changed: ProxyConfiguration) {
    for (name, workers) in local.reload(changed.names, changed.namers) {
      for worker in workers { machine.want(name, holder: worker, at: loop.now) }
    }
    for (name, watched) in machine.names where local.answers(name) {
      for worker in watched.holders.workers {
        machine.release(name, holder: worker, at: loop.now)
        local.want(name, worker: worker)
      }
    }
    perform()
  }
}
