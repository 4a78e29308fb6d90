import JSONFormat
import Serving
import Synchronization

@testable import Discovery

/// A Kubernetes API server as far as a namer sees one: lists in pages, watches with history, bookmarks, 410.
final class FakeKubernetes: FakeSource {
  private struct Event: Sendable {
    let collection: String
    let version: Int
    let kind: String
    let object: JSON
  }

  private struct State: Sendable {
    var version = 100
    /// Older ones are forgotten: watches from before it get 410.
    var oldest = 0
    var objects: [String: [String: JSON]] = [:]
    var history: [Event] = []
    var watches: [(collection: String, stream: ResponseStream)] = []
    var token: String?
    var hidesExpiry = false
    var snapshots: [String: [JSON]] = [:]
  }

  static let services = "/api/v1/namespaces/prod/services"
  static let slices = "/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices"

  private let state = Mutex<State>(State())
  let server: FakeServer

  init() throws {
    server = try FakeServer()
    server.serve(self)
  }

  // MARK: The cluster changes

  func put(_ collection: String, _ text: String) { put(collection, json(text)) }

  func put(_ collection: String, _ object: JSON) {
    state.withLock { state in
      let name = object["metadata"]?["name"]?.text ?? ""
      let kind = state.objects[collection]?[name] == nil ? "ADDED" : "MODIFIED"
      change(&state, collection, kind, object) { $0.objects[collection, default: [:]][name] = $1 }
    }
  }

  func delete(_ collection: String, _ name: String) {
    state.withLock { state in
      guard let object = state.objects[collection]?[name] else { return }
      change(&state, collection, "DELETED", object) { state, _ in state.objects[collection]?[name] = nil }
    }
  }

  private func change(
    _ state: inout State, _ collection: String, _ kind: String, _ object: JSON,
    _ apply: (inout State, JSON) -> Void
  ) {
    state.version += 1
    let stamped = Self.stamped(object, state.version)
    apply(&state, stamped)
    let event = Event(collection: collection, version: state.version, kind: kind, object: stamped)
    state.history.append(event)
    for watch in state.watches where watch.collection == collection { _ = watch.stream.send(Self.line(kind, stamped)) }
  }

  /// Forgets the past: watches from there get 410.
  func compact() {
    state.withLock { state in
      state.history = []
      state.version += 1
      state.oldest = state.version
    }
  }

  /// Ends all watches, as servers do now and then.
  func endWatches() {
    let streams = state.withLock { state in
      defer { state.watches = [] }
      return state.watches.map(\.stream)
    }
    for stream in streams { stream.finish() }
  }

  /// Says something on every watch.
  func say(_ text: String) {
    state.withLock { for watch in $0.watches { _ = watch.stream.send(Array(text.utf8)) } }
  }

  /// Tells all watches where they are.
  func bookmark() -> Int {
    state.withLock { state in
      state.version += 1
      let object = Self.stamped(json(#"{"metadata":{}}"#), state.version)
      for watch in state.watches { _ = watch.stream.send(Self.line("BOOKMARK", object)) }
      return state.version
    }
  }

  /// Requests without this token get 401.
  func demand(token: String) { state.withLock { $0.token = token } }

  /// A watch from a forgotten place ends at once without an error.
  func hideExpiry() { state.withLock { $0.hidesExpiry = true } }

  var watchCount: Int { state.withLock { $0.watches.filter(\.stream.isOpen).count } }

  // MARK: Requests

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let query = Dictionary((request.queryItems ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    state.withLock { state in
      if let token = state.token, request.headers["authorization"] != "Bearer \(token)" {
        return respond.respond(.json(json(#"{"kind":"Status","code":401,"message":"Unauthorized"}"#), status: 401))
      }
      if query["watch"] == "1" {
        watch(&state, request.path, query, respond)
      } else {
        list(&state, request.path, query, respond)
      }
    }
  }

  private func list(_ state: inout State, _ path: String, _ query: [String: String], _ respond: Responder) {
    let limit = Int(query["limit"] ?? "") ?? .max
    var rest: [JSON]
    if let token = query["continue"] {
      guard let kept = state.snapshots[token] else {
        return respond.respond(.json(json(#"{"kind":"Status","code":410,"reason":"Expired"}"#), status: 410))
      }
      rest = kept
    } else {
      rest = (state.objects[path] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    }
    let page = Array(rest.prefix(limit))
    rest = Array(rest.dropFirst(limit))
    var meta: [JSON.Member] = [JSON.Member(name: "resourceVersion", value: .string("\(state.version)"))]
    if !rest.isEmpty {
      let token = "\(path)-\(rest.count)"
      state.snapshots[token] = rest
      meta.append(JSON.Member(name: "continue", value: .string(token)))
    }
    respond.respond(
      .json(
        .object([
          JSON.Member(name: "kind", value: "List"), JSON.Member(name: "metadata", value: .object(meta)),
          JSON.Member(name: "items", value: .array(page)),
        ])))
  }

  private func watch(_ state: inout State, _ path: String, _ query: [String: String], _ respond: Responder) {
    let from = Int(query["resourceVersion"] ?? "") ?? 0
    let stream = ResponseStream()
    respond.respond(HTTPResponse(status: 200, headers: ["content-type": "application/json"], body: .stream(stream)))
    guard from >= state.oldest else {
      if !state.hidesExpiry {
        _ = stream.send(Self.line("ERROR", json(#"{"kind":"Status","code":410,"reason":"Expired","message":"too old"}"#)))
      }
      return stream.finish()
    }
    for event in state.history where event.collection == path && event.version > from {
      _ = stream.send(Self.line(event.kind, event.object))
    }
    state.watches.append((path, stream))
  }

  private static func line(_ kind: String, _ object: JSON) -> [UInt8] {
    JSON.object([JSON.Member(name: "type", value: .string(kind)), JSON.Member(name: "object", value: object)]).printed
      + [0x0A]
  }

  private static func stamped(_ object: JSON, _ version: Int) -> JSON {
    let meta = (object["metadata"]?.members ?? []).filter { $0.name != "resourceVersion" }
    let stamped = JSON.object(meta + [JSON.Member(name: "resourceVersion", value: .string("\(version)"))])
    let rest = (object.members ?? []).filter { $0.name != "metadata" }
    return .object([JSON.Member(name: "metadata", value: stamped)] + rest)
  }

  // MARK: Objects

  static func service(_ name: String, ports: String = #"[{"name":"http","port":80,"protocol":"TCP"}]"#) -> String {
    #"{"metadata":{"name":"\#(name)"},"spec":{"ports":\#(ports)}}"#
  }

  static func slice(
    _ name: String, of service: String, _ addresses: [String], port: Int = 8080,
    conditions: String = #"{"ready":true}"#, zone: String = "a"
  ) -> String {
    let endpoints = addresses.map { #"{"addresses":["\#($0)"],"conditions":\#(conditions),"zone":"\#(zone)"}"# }
    return """
      {"metadata":{"name":"\(name)","labels":{"kubernetes.io/service-name":"\(service)"}},"addressType":"IPv4",
       "ports":[{"name":"http","port":\(port),"protocol":"TCP"}],"endpoints":[\(endpoints.joined(separator: ","))]}
      """
  }
}
