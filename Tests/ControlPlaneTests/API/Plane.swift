import Foundation
import JSONFormat
import MeshProtocol
import Serving
import Synchronization
import SystemIO

@testable import ControlPlane

/// Time that stands still until a test moves it.
final class HandClock: Sendable {
  private let milliseconds = Mutex<Int64>(1_790_000_000_000)

  func advance(_ by: Duration) { milliseconds.withLock { $0 += by.wholeMilliseconds } }

  var clocks: Clocks {
    Clocks(
      wall: { WallTime(milliseconds: self.milliseconds.withLock { $0 }) },
      monotonic: { Instant(nanoseconds: UInt64(self.milliseconds.withLock { $0 }) * 1_000_000) })
  }
}

/// A directory that leaves with its owner.
final class Folder: Sendable {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "heddle-" + UUID().uuidString
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      preconditionFailure("\(error)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
  func file(_ name: String) -> String { path + "/" + name }
}

/// The mesh half as a test wants it.
final class FakeMesh: ProxyDirectory, MetricsStore, EventFeed {
  let connected = Mutex<[String: Int]>([:])
  let result = Mutex<BarrierResult?>(nil)
  let barriers = Mutex<[String]>([])
  let known = Mutex<[ProxyStatus]>([])
  let rows = Mutex<[MetricRow]>([])
  let streams = Mutex<[(String, String?)]>([])

  func list(namespace: String?) -> [ProxyStatus] {
    known.withLock { $0.filter { namespace == nil || $0.namespace == namespace } }
  }

  func barrier(namespace: String, revision: UInt64, timeout: Duration, minApplied: Int) async -> BarrierResult {
    barriers.withLock { $0.append("\(namespace) \(revision) \(timeout.configured) \(minApplied)") }
    return result.withLock { $0 }
      ?? BarrierResult(revision: revision, complete: true, applied: 1, pending: [], rejected: [], disconnected: [])
  }

  func forget(_ id: String) -> Bool {
    known.withLock { known in
      defer { known.removeAll { $0.id == id } }
      return known.contains { $0.id == id }
    }
  }

  func connectedCount(namespace: String) -> Int { connected.withLock { $0[namespace] ?? 0 } }
  func lacking(_ capability: String, namespace: String) -> [String] {
    known.withLock { known in
      known.filter { $0.namespace == namespace && !$0.capabilities.contains(capability) }.map(\.id)
    }
  }
  func query(namespace: String, groupBy: MetricGrouping, window: Duration) -> [MetricRow] { rows.withLock { $0 } }

  func subscribe(namespace: String, lastEventID: String?, to stream: ResponseStream) {
    streams.withLock { $0.append((namespace, lastEventID)) }
    _ = stream.send(Array("id: 1\ndata: {}\n\n".utf8))
  }

  var half: MeshHalf { MeshHalf(proxies: self, metrics: self, events: self, exposition: { "fake_mesh 1\n" }) }
}

/// Keeps what observers hear.
final class Listener: ChangeObserver {
  let changes = Mutex<[ConfigurationChange]>([])
  let endpoints = Mutex<[(ServiceEndpoints, ServiceEndpoints)]>([])

  func configurationChanged(_ change: ConfigurationChange) { changes.withLock { $0.append(change) } }
  func endpointsChanged(_ old: ServiceEndpoints, _ new: ServiceEndpoints) {
    endpoints.withLock { $0.append((old, new)) }
  }
}

extension JSONReading {
  /// Numbers by value, and nested as deep as an explanation may be.
  fileprivate static let deep = JSONReading(depthLimit: JSONReading.faithful.depthLimit, keepsNumbers: false)
}

/// One answer, opened.
struct Answer: Sendable {
  let response: HTTPResponse
  var status: Int { response.status }
  var json: JSON { (try? JSONParser.parse(response.bytes ?? [], reading: .deep)) ?? .null }
  var text: String { response.text ?? "" }
  var tag: String? { response.headers["etag"] }
  /// Pointers of a problem's errors.
  var pointers: [String] { (json["errors"]?.items ?? []).compactMap { $0["pointer"]?.text } }
  var codes: [String] { (json["warnings"]?.items ?? []).compactMap { $0["code"]?.text } }
  func list(_ name: String) -> [JSON] { json[name]?.items ?? [] }
}

/// A controller without sockets: store in a folder of its own, time by hand, no proxies.
final class Plane: Sendable {
  let folder: Folder
  let clock: HandClock
  let mesh = FakeMesh()
  let store: Store
  let controller: Controller
  let identity: IdentityService
  let api: API
  let listener = Listener()

  /// - Parameter names: nil: those of the registry.
  init(
    folder: Folder = Folder(), clock: HandClock = HandClock(), history: HistoryLimits = HistoryLimits(),
    names: (any NameDirectory)? = nil, identity settings: IdentitySettings = IdentitySettings(),
    accounts: AccountReviews? = nil
  ) throws {
    self.folder = folder
    self.clock = clock
    store = try Plane.open(folder, clock)
    controller = try Controller(store: store, clocks: clock.clocks, history: history)
    identity = try IdentityService(controller: controller, settings: settings, accounts: accounts)
    api = API(
      controller: controller, mesh: mesh.half, hosts: ["mesh.example"], names: names, identity: identity, version: "test")
    controller.observe(listener)
  }

  static func open(_ folder: Folder, _ clock: HandClock) throws -> Store {
    try Store(path: folder.file("heddle.db"), clocks: clock.clocks) { count in (try? randomBytes(count)) ?? [] }
  }

  /// The same store opened again, as after a stop.
  func reopened(
    history: HistoryLimits = HistoryLimits(), identity settings: IdentitySettings = IdentitySettings()
  ) async throws -> Plane {
    await controller.close()
    try store.close()
    return try Plane(folder: folder, clock: clock, history: history, identity: settings)
  }

  func call(
    _ method: String, _ target: String, _ body: JSON? = nil, headers: [(String, String)] = []
  ) async -> Answer {
    let type: [(String, String)] = body == nil ? [] : [("content-type", "application/json")]
    return await raw(method, target, body?.printed ?? [], headers: type + headers)
  }

  func raw(_ method: String, _ target: String, _ body: [UInt8] = [], headers: [(String, String)] = []) async -> Answer {
    var list = HeaderList([("host", "127.0.0.1:4180")])
    for (name, value) in headers where name != "host" { list.append(name, value) }
    if let host = headers.first(where: { $0.0 == "host" }) {
      list = HeaderList([("host", host.1)] + headers.filter { $0.0 != "host" })
    }
    let request = HTTPRequest(method: method, target: target, headers: list, body: body, peer: .loopback(port: 50_000))
    return Answer(response: await api.respond(to: request))
  }

  /// Under `/v1/namespaces/default`.
  func at(_ method: String, _ path: String, _ body: JSON? = nil, headers: [(String, String)] = []) async -> Answer {
    await call(method, "/v1/namespaces/default" + path, body, headers: headers)
  }

  func revision() async -> Int64 { await at("GET", "").json["revision"]?.whole ?? -1 }

  @discardableResult func rule(_ prefix: String, _ destination: String) async -> Answer {
    await at("POST", "/rules", ["prefix": .string(prefix), "destination": .string(destination)])
  }

  @discardableResult func split(_ name: String, _ prefix: String, _ weights: [(String, Int)], query: String = "") async
    -> Answer
  {
    let backends = weights.map { name, weight -> JSON in
      ["name": .string(name), "destination": .string("/#/registry/\(name)"), "weight": JSON(weight)]
    }
    return await at("PUT", "/splits/\(name)\(query)", ["prefix": .string(prefix), "backends": .array(backends)])
  }
}
