import JSONFormat
import Serving

/// One kind of object in one namespace, listed and watched.
final class KubernetesCollection: WatchedCollection {
  enum Change {
    case replaced([JSON])
    case put(JSON)
    case removed(String)
  }

  /// Objects in one page of a list. Why: the server need not put a large namespace into one answer, nor we hold it as text.
  static let pageSize = 500
  /// Objects of a namespace. Why: a list without an end would fill the memory. At the limit: the list fails.
  static let objectLimit = 100_000
  /// Seconds that a watch is asked to last; up to a quarter less, so that watches do not all end together.
  static let watchSeconds: UInt64 = 300

  private let context: NamerContext
  private let source: SourceClient
  private let path: String
  private let changed: (Change) -> Void
  private let told: (Result<Void, SourceFault>) -> Void
  private var pages: [JSON] = []
  private var call: HTTPCall?

  /// - Parameters:
  ///   - path: of the collection, `/api/v1/namespaces/prod/services`.
  ///   - told: the copy is fresh, or why it is not.
  init(
    _ context: NamerContext, _ source: SourceClient, path: String, changed: @escaping (Change) -> Void,
    told: @escaping (Result<Void, SourceFault>) -> Void
  ) {
    self.context = context
    self.source = source
    self.path = path
    self.changed = changed
    self.told = told
  }

  // MARK: List

  func list(_ done: @escaping (Result<String, SourceFault>) -> Void) {
    pages = []
    page(nil, done)
  }

  func cancelList() { call?.cancel() }

  private func page(_ token: String?, _ done: @escaping (Result<String, SourceFault>) -> Void) {
    var query = [("limit", "\(Self.pageSize)")]
    if let token { query.append(("continue", token)) }
    call = source.ask("GET", RequestTarget.query(path, query)) { [weak self] in self?.paged($0, done) }
  }

  private func paged(
    _ result: Result<SourceAnswer, SourceFault>, _ done: @escaping (Result<String, SourceFault>) -> Void
  ) {
    switch result {
    // A page token that is too old (410) is a failure like others: the next list begins at the first page.
    case .failure(let fault): done(.failure(fault))
    case .success(let answer):
      let meta = answer.json["metadata"]
      guard let items = try? answer.json.list("items"), let version = meta?["resourceVersion"]?.text, !version.isEmpty
      else { return done(.failure(SourceFault("\(path): the answer is no list of Kubernetes"))) }
      pages += items
      guard pages.count <= Self.objectLimit else {
        return done(.failure(SourceFault("\(path): more than \(Self.objectLimit) objects")))
      }
      if let token = meta?["continue"]?.text, !token.isEmpty { return page(token, done) }
      let objects = pages
      pages = []
      changed(.replaced(objects))
      done(.success(version))
    }
  }

  // MARK: Watch

  func watch(from place: String, _ tell: @escaping (SourceEvent) -> Void) -> HTTPCall {
    let seconds = Self.watchSeconds - context.random.next(upperBound: Self.watchSeconds / 4)
    let query = [
      ("watch", "1"), ("allowWatchBookmarks", "true"), ("resourceVersion", place), ("timeoutSeconds", "\(seconds)"),
    ]
    // The server ends it; a little longer, the connection is dead.
    let times = HTTPTimes(idle: .seconds(Int64(seconds) + 30))
    return source.watch("GET", RequestTarget.query(path, query), times: times, tell)
  }

  func event(_ event: JSON) -> WatchVerdict {
    guard let kind = event["type"]?.text, let object = event["object"] else {
      return .broken("\(path): no watch event")
    }
    if kind == "ERROR" { return failed(object) }
    guard let version = object["metadata"]?["resourceVersion"]?.text, !version.isEmpty else {
      return .broken("\(path): an event without resourceVersion")
    }
    switch kind {
    case "ADDED", "MODIFIED": changed(.put(object))
    case "DELETED": if let name = object.objectName { changed(.removed(name)) }
    default: break  // BOOKMARK, and what may come: a new place and nothing else
    }
    return .advanced(to: version)
  }

  private func failed(_ status: JSON) -> WatchVerdict {
    let reason = status["reason"]?.text ?? ""
    if status["code"]?.whole == 410 || reason == "Expired" || reason == "Gone" { return .forgotten }
    return .broken("\(path): the server ends the watch: \(status["message"]?.text ?? reason)")
  }

  func isFresh() { told(.success(())) }

  func isStale(_ reason: String) { told(.failure(SourceFault(reason))) }
}
