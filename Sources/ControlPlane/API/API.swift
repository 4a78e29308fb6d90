import Serving
import Synchronization
import SystemIO

/// The REST API: from a request to an answer, without a socket.
final class API: Sendable {
  let controller: Controller
  let mesh: MeshHalf
  /// What is known of concrete names.
  let names: any NameDirectory
  let namerdWatchers = NamerdWatchers()
  let router: Router
  /// Who is who in the mesh; nil: nobody is.
  let identity: IdentityService?
  let version: String
  private let hosts: HostCheck
  private let requests = RequestCounters()

  /// Bytes of a body. The server refuses longer ones before they are read; this is for callers without one.
  static let longestBody = 8 << 20
  static let longestTarget = 64 << 10

  /// - Parameters:
  ///   - hosts: names under which this controller is reached, beside addresses and `localhost`.
  ///   - names: nil: those of the registry alone.
  init(
    controller: Controller, mesh: MeshHalf, hosts: [String], names: (any NameDirectory)? = nil,
    identity: IdentityService? = nil, version: String
  ) {
    self.controller = controller
    self.mesh = mesh
    self.names = names ?? RegistryNames(controller: controller)
    self.identity = identity
    self.version = version
    self.hosts = HostCheck(names: hosts)
    router = Router(API.routes)
    controller.observe(namerdWatchers)
    controller.askProxies(ProxyCensus(mesh.proxies))
  }

  /// Answers a request; never throws and never blocks for long.
  func respond(to request: HTTPRequest) async -> HTTPResponse {
    var matched: Route?
    var response: HTTPResponse
    do throws(Problem) {
      try hosts.check(request)
      let (route, path) = try find(request)
      matched = route
      try checkBody(request, route)
      response = try await route.handle(try Call(request, route, path, self))
    } catch {
      response = error.response
    }
    requests.count(method: request.method, route: matched?.pattern.text ?? "none", status: response.status)
    response.headers.append("x-content-type-options", "nosniff")
    if request.method == "HEAD" { response.dropBody() }
    return response
  }

  private func find(_ request: HTTPRequest) throws(Problem) -> (Route, [String: String]) {
    guard let segments = request.pathSegments else { throw .malformed("The path has an invalid percent-escape.") }
    // A head is a get whose body is left out.
    let method = request.method == "HEAD" ? "GET" : request.method
    switch router.match(method, segments) {
    case .route(let route, let path): return (route, path)
    case .otherMethod(let methods):
      throw Problem(
        status: 405, detail: "\(request.method) is not done here; \(methods.joined(separator: ", ")) is.",
        allow: methods)
    case .none: throw .notFound("There is nothing at \(request.path).")
    }
  }

  private func checkBody(_ request: HTTPRequest, _ route: Route) throws(Problem) {
    if request.body.count > Self.longestBody {
      throw Problem(status: 413, detail: "A body has at most \(Self.longestBody) bytes.")
    }
    if route.bodies.isEmpty, !request.body.isEmpty { throw .malformed("This request takes no body.") }
  }

  /// To be called about twice a second: what namers find comes without a call.
  func tick() { namerdWatchers.wake() }

  /// `/metrics`.
  var exposition: String {
    requests.exposition + controller.counters.exposition + controller.gauges + mesh.exposition()
  }
}

extension HTTPResponse {
  /// For a head: a stream that nobody reads must not stay subscribed.
  fileprivate mutating func dropBody() {
    if case .stream(let stream) = body { stream.finish() }
    body = .bytes([])
  }
}

/// `heddle_rest_requests_total{method,route,code}`. Routes are the patterns, so the series are bounded.
final class RequestCounters: Sendable {
  private struct Key: Hashable, Sendable { let method: String, route: String, code: Int }
  private let counts = Mutex<[Key: UInt64]>([:])

  private static let methods: Set<String> = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]

  func count(method: String, route: String, status: Int) {
    let key = Key(method: Self.methods.contains(method) ? method : "other", route: route, code: status)
    counts.withLock { $0[key, default: 0] += 1 }
  }

  var exposition: String {
    let lines = counts.withLock { $0 }.map { key, count in
      "heddle_rest_requests_total{method=\"\(key.method)\",route=\"\(key.route)\",code=\"\(key.code)\"} \(count)"
    }
    return "# HELP heddle_rest_requests_total Requests to the REST API.\n# TYPE heddle_rest_requests_total counter\n"
      + lines.sorted().map { $0 + "\n" }.joined()
  }
}

extension Controller {
  /// The store's state as Prometheus text.
  fileprivate var gauges: String {
    let namespaces = namespaces
    let revisions = namespaces.map { "heddle_config_revision{namespace=\"\($0.name)\"} \($0.revision)\n" }.joined()
    return "# TYPE heddle_config_revision gauge\n" + revisions
      + "# TYPE heddle_store_leases gauge\nheddle_store_leases \(leaseCount)\n"
      + "# TYPE heddle_store_suspect_leases gauge\nheddle_store_suspect_leases \(suspects.count)\n"
      + "# TYPE heddle_store_history_lost gauge\nheddle_store_history_lost \(lostHistory == nil ? 0 : 1)\n"
  }
}
