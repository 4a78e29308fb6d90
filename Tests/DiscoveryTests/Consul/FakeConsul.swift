import JSONFormat
import Serving
import Synchronization

@testable import Discovery

/// A Consul agent as far as a namer sees one: blocking queries on the health of services.
final class FakeConsul: FakeSource {
  private struct Waiting: Sendable {
    let path: String
    let query: [String: String]
    let index: UInt64
    let respond: Responder
  }

  private struct State: Sendable {
    var index: UInt64 = 10
    /// By datacenter and name: what is answered, and since which index.
    var services: [String: (index: UInt64, instances: [JSON])] = [:]
    var waiting: [Waiting] = []
    var mostWaiting = 0
    var token: String?
  }

  private let state = Mutex<State>(State())
  let server: FakeServer

  init() throws {
    server = try FakeServer()
    server.serve(self)
  }

  var waitingCount: Int { state.withLock { $0.waiting.count } }
  var mostWaiting: Int { state.withLock { $0.mostWaiting } }

  func set(_ name: String, in datacenter: String = "dc1", _ instances: [String]) {
    let answers = state.withLock { state in
      state.index += 1
      state.services["\(datacenter)/\(name)"] = (state.index, instances.map(json))
      return due(&state)
    }
    for (waiting, response) in answers { waiting.respond.respond(response) }
  }

  /// The servers were restored from an old snapshot: indexes begin low again.
  func restore() {
    let answers = state.withLock { state in
      state.index = 2
      for key in state.services.keys { state.services[key]?.index = 2 }
      defer { state.waiting = [] }
      return state.waiting.map { ($0, answer(state, $0.path, $0.query)) }
    }
    for (waiting, response) in answers { waiting.respond.respond(response) }
  }

  func demand(token: String) { state.withLock { $0.token = token } }

  private func due(_ state: inout State) -> [(Waiting, HTTPResponse)] {
    let ready = state.waiting.filter { current(state, $0.path, $0.query) > $0.index }
    state.waiting = state.waiting.filter { current(state, $0.path, $0.query) <= $0.index }
    return ready.map { ($0, answer(state, $0.path, $0.query)) }
  }

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let path = "/" + (request.pathSegments ?? []).joined(separator: "/")
    let query = Dictionary((request.queryItems ?? []).map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    let response: HTTPResponse? = state.withLock { state in
      if let token = state.token, request.headers["x-consul-token"] != token {
        return HTTPResponse(status: 403, text: "Permission denied")
      }
      let index = query["index"].flatMap { UInt64($0) } ?? 0
      if index > 0, current(state, path, query) <= index {
        state.waiting.append(Waiting(path: path, query: query, index: index, respond: respond))
        state.mostWaiting = max(state.mostWaiting, state.waiting.count)
        return nil
      }
      return answer(state, path, query)
    }
    if let response { respond.respond(response) }
  }

  private func key(_ path: String, _ query: [String: String]) -> String {
    "\(query["dc"] ?? "dc1")/\(path.split(separator: "/").last ?? "")"
  }

  private func current(_ state: State, _ path: String, _ query: [String: String]) -> UInt64 {
    state.services[key(path, query)]?.index ?? 1
  }

  private func answer(_ state: State, _ path: String, _ query: [String: String]) -> HTTPResponse {
    var instances = state.services[key(path, query)]?.instances ?? []
    if let tag = query["tag"] {
      instances = instances.filter { $0["Service"]?["Tags"]?.items?.contains(.string(tag)) == true }
    }
    if query["passing"] != nil {
      instances = instances.filter { ($0["Checks"]?.items ?? []).allSatisfy { $0["Status"]?.text == "passing" } }
    }
    return .json(.array(instances), headers: ["x-consul-index": "\(current(state, path, query))"])
  }

  static func instance(
    _ address: String, port: Int = 80, node: String = "10.9.9.9", status: String = "passing", tags: [String] = [],
    more: String = ""
  ) -> String {
    """
    {"Node":{"Address":"\(node)","Meta":{"zone":"z1"}},"Checks":[{"Status":"\(status)"}],
     "Service":{"Address":"\(address)","Port":\(port),"Tags":[\(tags.map { "\"\($0)\"" }.joined(separator: ","))]\(more)}}
    """
  }
}
