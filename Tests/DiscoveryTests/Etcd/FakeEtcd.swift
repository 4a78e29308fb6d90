import JSONFormat
import Memory
import Serving
import Synchronization

@testable import Discovery

/// An etcd gateway as far as a namer sees one: one page of keys, and watches that tell what comes after their revision.
final class FakeEtcd: FakeSource {
  private struct Change: Sendable {
    let revision: Int
    /// Nil: the key is gone.
    let keys: [String: String?]
  }

  private struct State: Sendable {
    var revision = 1
    var keys: [String: String] = [:]
    var history: [Change] = []
    var watches: [ResponseStream] = []
  }

  private let state = Mutex<State>(State())
  let server: FakeServer

  init() throws {
    server = try FakeServer()
    server.serve(self)
  }

  /// The keys below `front`, and no others, are these: one transaction.
  func set(_ front: String, _ values: [String]) {
    state.withLock { state in
      var keys: [String: String?] = [:]
      for key in state.keys.keys where key.hasPrefix(front + "/") { keys[key] = .some(nil) }
      for (index, value) in values.enumerated() { keys["\(front)/\(index)"] = value }
      state.revision += 1
      for (key, value) in keys { state.keys[key] = value }
      let change = Change(revision: state.revision, keys: keys)
      state.history.append(change)
      for watch in state.watches { _ = watch.send(line(change)) }
    }
  }

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let body = (try? JSONParser.parse(request.body)) ?? .null
    state.withLock { state in
      switch request.path {
      case "/v3/kv/range": respond.respond(.json(list(state)))
      case "/v3/watch": respond.respond(HTTPResponse(status: 200, body: .stream(watch(&state, body))))
      default: respond.respond(HTTPResponse(status: 404))
      }
    }
  }

  private func list(_ state: State) -> JSON {
    let items = state.keys.sorted { $0.key < $1.key }.map { #"{"key":"\#(encoded($0.key))","value":"\#(encoded($0.value))"}"# }
    return json(#"{"header":{"revision":"\#(state.revision)"},"kvs":[\#(items.joined(separator: ","))]}"#)
  }

  private func watch(_ state: inout State, _ body: JSON) -> ResponseStream {
    let from = body["create_request"]?["start_revision"]?.text.flatMap { Int($0) } ?? 0
    let stream = ResponseStream()
    _ = stream.send(Array(#"{"result":{"header":{"revision":"\#(state.revision)"},"created":true}}"#.utf8))
    for change in state.history where change.revision >= from { _ = stream.send(line(change)) }
    state.watches.append(stream)
    return stream
  }

  private func line(_ change: Change) -> [UInt8] {
    let events = change.keys.sorted { $0.key < $1.key }.map { key, value in
      guard let value else { return #"{"type":"DELETE","kv":{"key":"\#(encoded(key))"}}"# }
      return #"{"kv":{"key":"\#(encoded(key))","value":"\#(encoded(value))"}}"#
    }
    let text = #"{"result":{"header":{"revision":"\#(change.revision)"},"events":[\#(events.joined(separator: ","))]}}"#
    return Array(text.utf8)
  }

  private func encoded(_ text: String) -> String { Base64.encoded(Array(text.utf8)) }
}
