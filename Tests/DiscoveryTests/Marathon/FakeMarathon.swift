import JSONFormat
import Serving
import Synchronization

@testable import Discovery

/// Marathon as far as a namer sees it: apps with tasks, and the event stream.
final class FakeMarathon: FakeSource {
  private struct State: Sendable {
    var apps: [String: JSON] = [:]
    var streams: [ResponseStream] = []
    var hasEvents = true
    var authorization: String?
  }

  private let state = Mutex<State>(State())
  let server: FakeServer

  init() throws {
    server = try FakeServer()
    server.serve(self)
  }

  var streamCount: Int { state.withLock { $0.streams.filter(\.isOpen).count } }

  func set(_ id: String, _ tasks: [String], more: String = "") {
    let app = json(#"{"id":"\#(id)","tasks":[\#(tasks.joined(separator: ","))]\#(more)}"#)
    state.withLock { state in
      state.apps[id] = app
      tell(state, #"event: status_update_event\ndata: {"appId":"\#(id)","eventType":"status_update_event"}\n\n"#)
    }
  }

  func remove(_ id: String) {
    state.withLock { state in
      state.apps[id] = nil
      tell(state, #"event: deployment_success\ndata: {"id":"x"}\n\n"#)
    }
  }

  private func tell(_ state: State, _ text: String) {
    let lines = text.replacing(#"\n"#, with: "\r\n")
    for stream in state.streams { _ = stream.send(Array(lines.utf8)) }
  }

  func endStreams() {
    let streams = state.withLock { state in
      defer { state.streams = [] }
      return state.streams
    }
    for stream in streams { stream.finish() }
  }

  func forbidEvents() { state.withLock { $0.hasEvents = false } }
  func demand(_ authorization: String) { state.withLock { $0.authorization = authorization } }

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let response: HTTPResponse = state.withLock { state in
      if let wanted = state.authorization, request.headers["authorization"] != wanted {
        return HTTPResponse(status: 401, text: "no")
      }
      if request.path == "/v2/apps" {
        let items = state.apps.keys.map { JSON.object([JSON.Member(name: "id", value: .string($0))]) }
        return .json(.object([JSON.Member(name: "apps", value: .array(items))]))
      }
      if request.path == "/v2/events" {
        guard state.hasEvents else { return HTTPResponse(status: 404) }
        let stream = ResponseStream()
        state.streams.append(stream)
        return HTTPResponse(status: 200, headers: ["content-type": "text/event-stream"], body: .stream(stream))
      }
      guard let app = state.apps["/" + (request.pathSegments ?? []).dropFirst(2).joined(separator: "/")] else {
        return .json(json(#"{"message":"App does not exist"}"#), status: 404)
      }
      return .json(.object([JSON.Member(name: "app", value: app)]))
    }
    respond.respond(response)
  }

  static func task(_ host: String, _ ports: String = "[31000]", state: String = "TASK_RUNNING", more: String = "") -> String {
    #"{"host":"\#(host)","ports":\#(ports),"state":"\#(state)"\#(more)}"#
  }
}
