import JSONFormat
import Memory
import MeshProtocol
import Serving
import Settings

/// `kind: io.l5d.etcd`
struct EtcdSettings: NamerSettings {
  static let kind = "io.l5d.etcd"
  let place: SourcePlace
  /// Before every name; empty, or begins with a slash and does not end with one.
  let root: String

  init(_ reader: Reader) {
    place = reader.place(host: "localhost", port: 2379)
    var text = reader.text("root") ?? "/heddle"
    while text.last == "/" { text.removeLast() }
    if !text.isEmpty, text.first != "/" { reader.fault("root", "expected a key that begins with a slash") }
    root = text
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer { try EtcdNamer(context, self) }
}

/// `/<key…>`: endpoints in keys of etcd 3, through its JSON gateway. All names share one watch of everything below the root.
final class EtcdNamer: Namer, WatchedCollection {
  /// Keys in one answer of a list.
  static let pageSize = 1000
  /// Keys below the root. Why: a root that is not for names would fill the memory. At the limit: the list fails.
  static let keyLimit = 500_000
  /// A watch that tells nothing for so long, though etcd was asked for signs of life (it gives them every ten minutes), is dead.
  static let silence = Duration.seconds(1500)

  private struct Asked {
    let name: Path
    let tell: (Finding) -> Void
  }

  let segments: Int? = nil
  private let context: NamerContext
  private let source: SourceClient
  private let root: [UInt8]
  private var book: EtcdBook
  private var isListed = false
  private var stale: String?
  private var asked: [UInt64: Asked] = [:]
  private var lastID: UInt64 = 0
  private var collection: CollectionWatch?
  private var listCall: HTTPCall?
  /// A list under way.
  private var fresh: EtcdBook?
  /// Where the current watch began.
  private var watchedFrom: Int64 = 0

  init(_ context: NamerContext, _ settings: EtcdSettings) throws {
    self.context = context
    root = Array(settings.root.utf8)
    book = EtcdBook(root: root)
    source = try SourceClient(context, at: settings.place)
  }

  deinit { collection?.end() }

  // MARK: Names

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    lastID += 1
    let id = lastID
    asked[id] = Asked(name: name, tell: tell)
    if collection == nil {
      let watch = CollectionWatch(context, self)
      collection = watch
      watch.start()
    }
    context.loop.schedule(after: .zero) { [weak self] in self?.say(id) }
    return ClosureWatch { [weak self] in self?.cancel(id) }
  }

  private func cancel(_ id: UInt64) {
    asked[id] = nil
    guard asked.isEmpty else { return }
    collection?.end()
    collection = nil
    book.removeAll()
    isListed = false
    stale = nil
  }

  private func say(_ id: UInt64) {
    guard let name = asked[id] else { return }
    if isListed { name.tell(book.finding(name.name)) }
    if let stale { name.tell(.failed(stale)) }
  }

  // MARK: WatchedCollection

  func list(_ done: @escaping (Result<String, SourceFault>) -> Void) {
    fresh = EtcdBook(root: root)
    page(from: root + [UInt8(ascii: "/")], revision: nil, done)
  }

  func cancelList() { listCall?.cancel() }

  /// The first key after all that begin with the root and a slash.
  private var end: [UInt8] { root + [UInt8(ascii: "/") + 1] }

  private func page(
    from key: [UInt8], revision: String?, _ done: @escaping (Result<String, SourceFault>) -> Void
  ) {
    var body: JSON = [
      "key": .string(Base64.encoded(key)), "range_end": .string(Base64.encoded(end)),
      "limit": .integer(Int64(Self.pageSize)),
    ]
    // All pages of one moment.
    if let revision { body = body.adding([JSON.Member(name: "revision", value: .string(revision))]) }
    listCall = source.ask("POST", "/v3/kv/range", body: body) { [weak self] in self?.paged($0, revision, done) }
  }

  private func paged(
    _ result: Result<SourceAnswer, SourceFault>, _ revision: String?,
    _ done: @escaping (Result<String, SourceFault>) -> Void
  ) {
    switch result {
    case .failure(let fault): done(.failure(fault))
    case .success(let answer):
      guard let now = answer.json["header"]?["revision"]?.text, Int64(now) != nil,
        let items = try? answer.json.list("kvs")
      else { return done(.failure(SourceFault("the answer is none of etcd's gateway"))) }
      let place = revision ?? now
      var last: [UInt8] = []
      for item in items {
        guard let key = Self.bytes(item, "key"), let value = Self.bytes(item, "value") else {
          return done(.failure(SourceFault("a key or value is not base 64")))
        }
        _ = fresh?.take(key, value)
        last = key
      }
      guard fresh?.count ?? 0 <= Self.keyLimit else {
        return done(.failure(SourceFault("more than \(Self.keyLimit) keys below the root: give a root of its own")))
      }
      // `more`, unless the server makes no progress.
      if answer.json["more"]?.truth == true, !last.isEmpty { return page(from: last + [0], revision: place, done) }
      book = fresh ?? book
      fresh = nil
      isListed = true
      done(.success(place))
    }
  }

  func watch(from place: String, _ tell: @escaping (SourceEvent) -> Void) -> HTTPCall {
    watchedFrom = (Int64(place) ?? 0) + 1
    let request: JSON = [
      "key": .string(Base64.encoded(root + [UInt8(ascii: "/")])), "range_end": .string(Base64.encoded(end)),
      "start_revision": .string("\(watchedFrom)"), "progress_notify": true,
    ]
    return source.watch(
      "POST", "/v3/watch", body: ["create_request": request], times: HTTPTimes(idle: Self.silence), tell)
  }

  func event(_ object: JSON) -> WatchVerdict {
    guard let result = object["result"] else {
      return .broken(
        "etcd ends the watch: \(object["error"]?["message"]?.text ?? object["error"]?.text ?? "no result")")
    }
    if result["canceled"]?.truth == true {
      return result["compact_revision"] == nil ? .broken("cancelled") : .forgotten
    }
    guard let text = result["header"]?["revision"]?.text, let revision = Int64(text) else {
      return .broken("an event without a revision")
    }
    // A server that has lost its past counts from the beginning: it would be silent until it has caught up.
    if result["created"]?.truth == true { return revision + 1 < watchedFrom ? .forgotten : .ignored }
    guard let events = try? result.list("events") else { return .broken("events is no list") }
    var changed: Set<[Segment]> = []
    for event in events {
      guard let kv = event["kv"], let key = Self.bytes(kv, "key") else { return .broken("an event without a key") }
      let isGone = event["type"]?.text == "DELETE"
      if let name = book.take(key, isGone ? nil : Self.bytes(kv, "value") ?? []) { changed.insert(name) }
    }
    say(changed)
    return .advanced(to: text)
  }

  /// Tells those whose front has changed.
  private func say(_ changed: Set<[Segment]>) {
    if changed.isEmpty { return }
    for (id, name) in asked
    where (1...max(1, name.name.count)).contains(where: { changed.contains(Array(name.name.segments.prefix($0))) }) {
      say(id)
    }
  }

  func isFresh() {
    stale = nil
    for id in asked.keys { say(id) }
  }

  func isStale(_ reason: String) {
    stale = reason
    for name in asked.values { name.tell(.failed(reason)) }
  }

  /// Bytes in base 64; none when the member is absent, as the gateway leaves empty ones out.
  private static func bytes(_ object: JSON, _ name: String) -> [UInt8]? {
    guard let member = object[name] else { return [] }
    return member.text.flatMap { Base64.decoded($0) }
  }
}
