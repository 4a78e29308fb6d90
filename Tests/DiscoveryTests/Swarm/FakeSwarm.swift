import JSONFormat
import Serving
import Synchronization

@testable import Discovery

/// A swarm manager's Engine as far as a namer sees it.
final class FakeSwarm: FakeSource {
  private struct State: Sendable {
    var services: JSON = []
    var tasks: JSON = []
    var nodes: JSON = json(#"[{"ID":"n1","Status":{"Addr":"192.168.0.1"}}]"#)
    var streams: [ResponseStream] = []
  }

  private let state = Mutex<State>(State())
  let server: FakeServer

  init() throws {
    server = try FakeServer()
    server.serve(self)
  }

  var streamCount: Int { state.withLock { $0.streams.filter(\.isOpen).count } }

  func set(services: String? = nil, tasks: [String], telling: Bool = true) {
    state.withLock { state in
      if let services { state.services = json(services) }
      state.tasks = json("[\(tasks.joined(separator: ","))]")
      guard telling else { return }
      for stream in state.streams { _ = stream.send(Array(#"{"Type":"service","Action":"update"}"#.utf8)) }
    }
  }

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    let response: HTTPResponse = state.withLock { state in
      switch request.path.split(separator: "/").last {
      case "services": return .json(state.services)
      case "tasks": return .json(state.tasks)
      case "nodes": return .json(state.nodes)
      case "events":
        let stream = ResponseStream()
        state.streams.append(stream)
        return HTTPResponse(status: 200, body: .stream(stream))
      default: return HTTPResponse(status: 404)
      }
    }
    respond.respond(response)
  }

  static func task(_ address: String, service: String = "s1", state: String = "running", more: String = "") -> String {
    """
    {"ServiceID":"\(service)","NodeID":"n1","DesiredState":"running","Status":{"State":"\(state)"\(more)},
     "NetworksAttachments":[{"Network":{"Spec":{"Name":"ingress","Ingress":true}},"Addresses":["10.255.0.3/16"]},
      {"Network":{"Spec":{"Name":"shop"}},"Addresses":["\(address)"]}]}
    """
  }
}
