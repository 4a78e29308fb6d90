import JSONFormat
import MeshProtocol

/// One namespace under watch, for all names in it: two watches, whatever the number of names.
final class KubernetesNamespace {
  private struct Asked {
    let port: String
    let service: String
    let tell: (Finding) -> Void
  }

  private let context: NamerContext
  private let secret: Secret?
  private var book = NamespaceBook()
  private var asked: [UInt64: Asked] = [:]
  private var byService: [String: Set<UInt64>] = [:]
  private var lastID: UInt64 = 0
  private var services: KubernetesCollection?
  private var slices: KubernetesCollection?
  private var watches: [CollectionWatch] = []
  /// Of the two collections: listed at least once; why it is not fresh.
  private var listed = (services: false, slices: false)
  private var stale: (services: String?, slices: String?) = (nil, nil)

  init(_ context: NamerContext, _ source: SourceClient, namespace: String, secret: Secret?) {
    self.context = context
    self.secret = secret
    let services = KubernetesCollection(
      context, source, path: "/api/v1/namespaces/\(namespace)/services",
      changed: { [weak self] in self?.servicesChanged($0) },
      told: { [weak self] result in self?.told(result) { $0.stale.services = $1 } })
    let slices = KubernetesCollection(
      context, source, path: "/apis/discovery.k8s.io/v1/namespaces/\(namespace)/endpointslices",
      changed: { [weak self] in self?.slicesChanged($0) },
      told: { [weak self] result in self?.told(result) { $0.stale.slices = $1 } })
    self.services = services
    self.slices = slices
    watches = [CollectionWatch(context, services), CollectionWatch(context, slices)]
    watches.forEach { $0.start() }
  }

  func end() { watches.forEach { $0.end() } }

  // MARK: Names

  var isUnused: Bool { asked.isEmpty }

  func watch(port: String, service: String, _ tell: @escaping (Finding) -> Void) -> UInt64 {
    lastID += 1
    asked[lastID] = Asked(port: port, service: service, tell: tell)
    byService[service, default: []].insert(lastID)
    // Later, so that nothing is told from within this.
    context.loop.schedule(after: .zero) { [weak self, lastID] in self?.tell(lastID) }
    return lastID
  }

  func cancel(_ id: UInt64) {
    guard let name = asked.removeValue(forKey: id)?.service else { return }
    byService[name]?.remove(id)
    if byService[name]?.isEmpty == true { byService[name] = nil }
  }

  // MARK: Telling

  private func tell(_ id: UInt64) {
    guard let name = asked[id] else { return }
    if listed == (true, true) { name.tell(book.finding(port: name.port, service: name.service)) }
    if let reason = stale.services ?? stale.slices { name.tell(.failed(reason)) }
  }

  private func tell(services names: Set<String>) {
    guard listed == (true, true) else { return }
    for name in names { for id in byService[name] ?? [] { tell(id) } }
  }

  // MARK: The collections

  private func servicesChanged(_ change: KubernetesCollection.Change) {
    switch change {
    case .replaced(let objects):
      let changed = book.replaceServices(objects)
      if listed.services { return tell(services: changed) }
      listed.services = true  // `isFresh`, which follows, tells all
    case .put(let object): noting { tell(services: book.takeService(object)) }
    case .removed(let name): tell(services: book.removeService(name))
    }
  }

  private func slicesChanged(_ change: KubernetesCollection.Change) {
    switch change {
    case .replaced(let objects):
      let changed = book.replaceSlices(objects)
      if listed.slices { return tell(services: changed) }
      listed.slices = true
    case .put(let object): noting { tell(services: book.takeSlice(object)) }
    case .removed(let name): tell(services: book.removeSlice(name))
    }
  }

  /// Counts an object that makes no sense.
  private func noting(_ take: () -> Void) {
    let before = book.brokenCount
    take()
    if book.brokenCount > before { context.counters.failed() }
  }

  private func told(
    _ result: Result<Void, SourceFault>, _ note: (KubernetesNamespace, String?) -> Void
  ) {
    switch result {
    case .success:
      note(self, nil)
      for id in asked.keys { tell(id) }
    case .failure(let fault):
      secret?.doubt()
      note(self, fault.description)
      for name in asked.values { name.tell(.failed(fault.description)) }
    }
  }
}
