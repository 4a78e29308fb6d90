import HTTP
import MeshProtocol
import Traffic

/// What becomes of a request with these routes: the name of the route, `400`, or `none`.
func route(_ table: RouteTable, _ host: String, _ target: String = "/") -> String {
  route(table, "GET", host, target)
}

func route(
  _ table: RouteTable, _ method: String, _ host: String, _ target: String, _ fields: [String] = []
) -> String {
  let text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
  let bytes = Array(text.utf8)
  var head = RequestHead()
  guard case .complete = head.parse(bytes.span) else { return "no head" }
  guard let name = identifyHost(host), let chain = table.chain(forHost: name.text) else { return "none" }
  var scratch = RouteScratch()
  switch chain.find(head, bytes.span, scratch: &scratch) {
  case .found(let match): return table.route(match.route)?.name ?? "no such id"
  case .ambiguous: return "400"
  case .none: return "none"
  }
}

func table(_ routes: [(String, HTTPRoute)]) -> RouteTable {
  var table = RouteTable()
  let refused = table.apply(
    removes: [], upserts: routes.map { NamedRoute(name: $0.0, revision: 1, route: $0.1) })
  precondition(refused.isEmpty, "\(refused)")
  return table
}

func forward(
  hosts: [String] = [], _ matches: HTTPMatch..., to: String = "/svc/x", created: UInt64 = 0
) -> HTTPRoute {
  HTTPRoute(
    hosts: hosts.map { HostPattern($0) }, matches: matches, action: .forward(try! Path(parsing: to), Rewrite()),
    created: created)
}
