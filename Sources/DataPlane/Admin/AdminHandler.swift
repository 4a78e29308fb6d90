import MeshProtocol
import Serving
import SystemIO
import Telemetry

/// The admin and observe ports: health, metrics, what runs, and the few things an operator may change while it runs.
struct AdminHandler: RequestHandler {
  /// Who may ask for what.
  enum Scope {
    /// Everything: loopback, unless the operator decided otherwise.
    case admin
    /// Only `/livez`, `/readyz`, `/metrics`: what probes and scrapers need.
    case observe
  }

  let scope: Scope
  let control: Confined<ProxyControl>

  private typealias Answer = @Sendable (ProxyControl, HTTPRequest, Responder) -> Void

  private static let observable: [String: Answer] = [
    "GET /livez": { _, _, respond in respond.respond(HTTPResponse(status: 200, text: "ok\n")) },
    "GET /readyz": { control, request, respond in respond.respond(control.readiness(of: request)) },
    "GET /metrics": { control, _, respond in
      control.collect { [unowned control] _ in respond.respond(control.metricsPage()) }
    },
  ]

  private static let operations: [String: Answer] = [
    "GET /version": { _, _, respond in
      var object = JSONObject()
      object.add("version", text: ProxyVersion.text)
      respond.respond(.json(object.text))
    },
    "GET /config": { control, _, respond in respond.respond(.json(control.configurationView())) },
    "GET /routes": { control, _, respond in respond.respond(.json(control.routesView())) },
    "GET /resolve": { control, request, respond in control.resolve(request) { respond.respond($0) } },
    "GET /endpoints": { control, request, respond in
      let name = request.queryItems?.first { $0.name == "name" }?.value
      control.describe(.endpoints(of: name)) { respond.respond(.json(Self.joined($0, as: "endpoints"))) }
    },
    "GET /bindings": { control, _, respond in
      control.describe(.bindings) { respond.respond(.json(Self.joined($0, as: "bindings"))) }
    },
    "GET /identity": { control, _, respond in respond.respond(.json(control.identityView())) },
    "POST /identity/renew": { control, _, respond in respond.respond(control.renewIdentity()) },
    "PUT /log-level": { control, request, respond in respond.respond(control.setLogLevel(by: request)) },
    "POST /drain": { control, _, respond in
      control.beginDrain()
      respond.respond(HTTPResponse(status: 202, text: "draining\n"))
    },
  ]

  func handle(_ request: HTTPRequest, _ respond: Responder) {
    if let refusal = refusal(of: request) { return respond.respond(refusal) }
    let method = request.method == "HEAD" ? "GET" : request.method
    guard let answer = find("\(method) \(request.path)") else { return respond.respond(absent(request)) }
    control.execute { answer($0, request, respond) }
  }

  private func find(_ key: String) -> Answer? {
    Self.observable[key] ?? (scope == .admin ? Self.operations[key] : nil)
  }

  private func absent(_ request: HTTPRequest) -> HTTPResponse {
    for method in ["GET", "PUT", "POST"] where find("\(method) \(request.path)") != nil {
      var response = HTTPResponse.problem(405, "Use \(method) for \(request.path).")
      response.headers.append("allow", method == "GET" ? "GET, HEAD" : method)
      return response
    }
    return .problem(404, "Nothing is at \(request.path.prefix(200)).")
  }

  /// A web page must not reach the admin port through its reader's browser: not across origins, not by a name of its
  /// own that resolves to loopback (DNS rebinding).
  private func refusal(of request: HTTPRequest) -> HTTPResponse? {
    guard scope == .admin else { return nil }
    if request.headers.contains("origin") { return .problem(403, "Requests from web pages are not answered here.") }
    let host = request.headers["host"] ?? ""
    let name = SocketAddress(host)?.host ?? String(host.prefix { $0 != ":" })
    if SocketAddress(host: name, port: 0) != nil || name == "localhost" || host.hasPrefix("[") { return nil }
    return .problem(403, "The Host of a request to the admin port must be an address or localhost.")
  }

  /// The JSON arrays of all workers as one.
  private static func joined(_ arrays: [String], as name: String) -> String {
    let items = arrays.map { String($0.dropFirst().dropLast()) }.filter { !$0.isEmpty }
    var object = JSONObject()
    object.add(named: name, json: JSONObject.list(items))
    return object.text
  }
}

extension HTTPResponse {
  static func json(_ text: String) -> HTTPResponse {
    HTTPResponse(status: 200, contentType: "application/json", text: text + "\n")
  }
}
