import MeshProtocol
import SystemIO

extension ProxyControl {
  /// Whether a concrete name is the controller's to answer: not one of the file's, nor one that workers make
  /// themselves.
  func isControllersToAnswer(_ name: Path) -> Bool {
    guard name.segments.first.map({ $0 == "#" }) ?? false, !start.configuration.isStandalone else { return false }
    return names.answer(name, confirmed: 0) == nil
  }

  /// A worker needs the endpoints of a name.
  func want(_ name: Path, _ worker: Int) {
    let wall = Int64(clamping: wallClockMilliseconds())
    if let set = names.answer(name, confirmed: wall) {
      staticHolders[name, default: []].insert(worker)
      return send(.endpoints(set), to: worker)
    }
    guard isControllersToAnswer(name) else {
      // Nobody will ever answer: saying so at once spares the request its wait.
      staticHolders[name, default: []].insert(worker)
      return send(.endpoints(EndpointSet(name: name, version: 1, state: .negative, confirmed: wall)), to: worker)
    }
    machine.want(name, holder: worker, at: loop.now)
    perform()
  }

  /// A worker has no more use for a name.
  func release(_ name: Path, _ worker: Int) {
    staticHolders[name]?.remove(worker)
    if staticHolders[name]?.isEmpty == true { staticHolders[name] = nil }
    machine.release(name, holder: worker, at: loop.now)
    perform()
  }

  /// Tells the workers that hold a name its state now.
  func publish(_ set: EndpointSet) {
    let holders = machine.names[set.name]?.holders ?? Set(workers.indices)
    for worker in holders { send(.endpoints(set), to: worker) }
    if set.state != .pending, let table = swap.answered(set.name) { order(table) }
  }

  /// The file's names changed: tells whoever holds one.
  func republishStatic(_ changed: StaticNames) {
    names = changed
    let wall = Int64(clamping: wallClockMilliseconds())
    for (name, holders) in staticHolders {
      let set =
        names.answer(name, confirmed: wall) ?? EndpointSet(name: name, version: 1, state: .negative, confirmed: wall)
      for worker in holders { send(.endpoints(set), to: worker) }
    }
  }

  private func send(_ order: WorkerOrder, to worker: Int) {
    if workers.indices.contains(worker) { workers[worker].send(order) }
  }
}
