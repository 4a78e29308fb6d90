import MeshProtocol
import SystemIO

/// What the state file does not hold yet, and when it is to be written.
struct UnsavedState {
  /// Endpoints change often and the file holds everything: it is written for their sake at most this often. A crash within
  /// that time means starting with endpoints a little older. The first endpoints of a name do not wait: there are no older ones.
  static let endpointPeriod = Duration.seconds(5)

  var configuration = false
  var endpoints = false
  /// A name has endpoints and the file has none of it.
  var newNames = false
  var isSaving = false
  /// When the file was last written because of endpoints.
  private var lastEndpoints: Instant?

  func isDue(at now: Instant) -> Bool {
    guard !isSaving else { return false }
    if configuration || newNames { return true }
    return endpoints && lastEndpoints.map { now - $0 >= Self.endpointPeriod } ?? true
  }

  var isAny: Bool { configuration || endpoints || newNames }

  mutating func begin(at now: Instant) {
    if !configuration { lastEndpoints = now }
    (configuration, endpoints, newNames, isSaving) = (false, false, false, true)
  }
}

/// The state file, on the thread where it may block.
final class StateKeeper {
  private var store: StateStore

  init(_ store: consuming StateStore) { self.store = store }

  /// Reads what is kept.
  func load(namespace: String) -> LoadedState { store.load(namespace: namespace) }

  /// Writes; says what went wrong, if anything.
  func save(_ state: KeptState) -> SystemError? {
    do {
      try store.save(state)
      return nil
    } catch {
      return error
    }
  }
}

extension ProxyControl {
  /// Takes up what was kept on disk.
  func restore(_ kept: KeptState) {
    for name in kept.names {
      guard let message = try? Heddle_Mesh_V1_Endpoints(serializedBytes: name.endpoints) else { continue }
      machine.restore(message, confirmed: name.confirmed, at: loop.now)
    }
    isStale = true
    machine.restore(kept.version, resources: kept.resources, at: loop.now)
    perform()
  }

  /// Something of a concrete name is not on disk yet.
  func learned(isFirst: Bool) {
    unsaved.endpoints = true
    guard isFirst else { return }
    unsaved.newNames = true
    saveIfDue()
  }

  /// Writes what is held, when that is due and no writing is under way.
  func saveIfDue() {
    if unsaved.isDue(at: loop.now) { save() }
  }

  /// Writes what is held now, if anything of it is not on disk; `then` is called afterwards, or at once.
  func saveBeforeEnd(then finish: @escaping () -> Void) {
    guard start.state != nil, unsaved.isAny || unsaved.isSaving else { return finish() }
    afterSaving = finish
    if !unsaved.isSaving { save() }
  }

  private func save() {
    guard let state = start.state, let confined, let kept = keptState() else { return finishSaving() }
    unsaved.begin(at: loop.now)
    state.execute { keeper in
      let error = keeper.save(kept)
      confined.execute { $0.saved(error) }
    }
  }

  private func finishSaving() {
    afterSaving?()
    afterSaving = nil
  }

  private func saved(_ error: SystemError?) {
    unsaved.isSaving = false
    if let error {
      // Requests flow on; the next due moment tries again.
      counters.stateFailures += 1
      unsaved.endpoints = true
      log.error("state", "could not write the state file", [("error", "\(error)")])
      return finishSaving()
    }
    counters.stateWrites += 1
    // What came while the file was written waits no longer than it must; a program that ends takes it along.
    if afterSaving != nil, unsaved.isAny { return save() }
    finishSaving()
    saveIfDue()
  }

  private func keptState() -> KeptState? {
    guard let version = machine.replica.held else { return nil }
    let wall = Int64(clamping: wallClockMilliseconds())
    let names = machine.names.values.filter { $0.replica.state == .bound }.map { watched in
      KeptState.Name(
        endpoints: watched.replica.fullMessage.encodedBytes(), confirmed: machine.isOpen ? wall : watched.confirmed)
    }
    return KeptState(
      namespace: start.configuration.namespace, version: version,
      resources: machine.replica.resources.map(\.bytes), names: names, savedAt: wall)
  }
}

extension EndpointReplica {
  /// All that is held, as a controller would send it to someone who has nothing.
  var fullMessage: Heddle_Mesh_V1_Endpoints {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.version = version
    message.full = true
    message.state = .bound
    message.id = id
    message.residual = residual
    message.protocol = `protocol`
    var hash = SetHash.empty
    for endpoint in endpoints.values {
      var wire = Heddle_Mesh_V1_Endpoint()
      wire.address = endpoint.address
      wire.weight = endpoint.weight ?? 0
      wire.zone = endpoint.zone
      wire.metadata = endpoint.metadata
      wire.meshPort = endpoint.meshPort
      wire.meshIdentity = endpoint.meshIdentity
      let bytes = wire.encodedBytes()
      // Of these bytes, which may differ from the controller's own: then it sends the whole state once after a restart.
      hash.insert(SetHash(of: bytes))
      message.adds.append(.init(bytes))
    }
    message.setHash = .init(hash.bytes)
    return message
  }
}
