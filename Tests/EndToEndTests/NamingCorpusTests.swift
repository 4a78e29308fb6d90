import Foundation
import Serving
import TestSupport
import Testing

/// The naming corpus against a controller that runs: rules and services stored over HTTP, names resolved over HTTP. Cases
/// whose names a namer would have to know, or to keep waiting, are the others' (`ControlPlaneTests`, `TrafficTests`).
@Suite struct NamingCorpusTests {
  @Test func aRunningControllerAgreesWithTheCorpus() throws {
    let mesh = try Mesh()
    let parts = mesh.rest.split(separator: ":")
    let client = try HTTPClient(host: String(parts[0]), port: try #require(UInt16(parts[1])), timeout: .seconds(30))
    var checked = 0
    for (number, c) in NamingCase.all.enumerated() {
      let live = LiveCase(c, namespace: "case-\(number)", client: client)
      if try live.isChecked() { checked += 1 }
    }
    #expect(checked >= 200, "only \(checked) cases can be had without namers")
  }
}

private struct LiveCase {
  let c: NamingCase
  let namespace: String
  let client: HTTPClient

  init(_ c: NamingCase, namespace: String, client: HTTPClient) {
    self.c = c
    self.namespace = namespace
    self.client = client
  }

  /// False: this case needs more than a registry.
  func isChecked() throws -> Bool {
    if c.states.contains(where: { $0.value.state != "negative" && !$0.key.hasPrefix("/#/registry/") }) { return false }
    let refusal = try store()
    if let refused = c.refused {
      let answer = try refusal ?? resolve()
      #expect([400, 422].contains(answer.status), "\(c)")
      #expect((answer.object["detail"] as? String)?.contains(refused.why) == true, "\(c): \(answer.text ?? "")")
      return true
    }
    #expect(refusal == nil, "\(c): \(refusal?.text ?? "")")
    // The names that it leads to, as the first answer shows them, become services.
    for name in try leaves(resolve()) where c.states[name] == nil {
      guard try register(name) else { return false }
    }
    let answer = try resolve().object
    #expect(answer["result"] as? String == c.result, "\(c): \(answer)")
    if !c.bound.isEmpty { #expect(answer["bound"] as? String == c.bound, "\(c)") }
    guard c.result == "bound", !c.shares.isEmpty else { return true }
    var shares = Shares()
    add(answer["tree"], to: &shares)
    shares.fill(with: "none")
    #expect(shares.listed == c.shares, "\(c)")
    return true
  }

  /// The refusal, if there is one.
  private func store() throws -> HTTPResponse? {
    let dtab = try client.send(
      "PUT", "/v1/namespaces/\(namespace)/dtab?create=true", headers: ["content-type": "text/plain"],
      body: Array(c.dtab.utf8))
    guard dtab.status < 300 else { return dtab }
    for split in c.splits {
      let backends = split.backends.map { ["name": $0.name, "weight": $0.weight, "destination": $0.destination] as [String: Any] }
      let body: [String: Any] = [
        "prefix": split.prefix, "backends": backends, "on_unbound": split.onUnbound, "allow_zero": true,
      ]
      let answer = try client.send(
        "PUT", "/v1/namespaces/\(namespace)/splits/\(split.name)", headers: ["content-type": "application/json"],
        body: Array(try JSONSerialization.data(withJSONObject: body)))
      guard answer.status < 300 else { return answer }
    }
    return nil
  }

  private func resolve() throws -> HTTPResponse {
    let query = [("name", c.name), ("dtab", c.request), ("context", c.context)]
      .map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
    return try client.send("GET", "/v1/namespaces/\(namespace)/resolve?" + query.joined(separator: "&"))
  }

  /// False when only a namer could know the name. Addresses are always there.
  private func register(_ name: String) throws -> Bool {
    let segments = name.split(separator: "/").map(String.init)
    if segments.first == "$" { return true }
    let (owner, service): (String, String)
    switch segments.dropFirst().first {
    case "registry": (owner, service) = (namespace, segments[2])
    case "registry.ns": (owner, service) = (segments[2], segments[3])
    default: return false
    }
    let answer = try client.send(
      "PUT", "/v1/namespaces/\(owner)/services/\(service)?create=true", headers: ["content-type": "application/json"],
      body: Array("{\"endpoints\": [{\"address\": \"10.0.0.1:80\"}]}".utf8))
    #expect(answer.status < 300, "\(c): \(answer.text ?? "")")
    return true
  }

  private func leaves(_ answer: HTTPResponse) throws -> Set<String> {
    var found: Set<String> = []
    each(answer.object["tree"]) { node in
      if node["kind"] as? String == "leaf", let name = node["name"] as? String { found.insert(name) }
    }
    return found
  }

  private func each(_ tree: Any?, _ body: ([String: Any]) -> Void) {
    guard let node = tree as? [String: Any] else { return }
    body(node)
    for inner in node.inner { each(inner, body) }
  }

  private func add(_ tree: Any?, to shares: inout Shares) {
    guard let node = tree as? [String: Any], node["chosen"] as? Bool == true, let part = node["part"] as? Double else {
      return
    }
    guard node["result"] as? String == "bound" else { return shares.add(part, to: "none") }
    if node["kind"] as? String == "leaf" {
      let residual = node["residual"] as? String ?? "/"
      let name = (node["id"] ?? node["name"]) as? String ?? ""
      shares.add(part, to: residual == "/" ? name : "\(name) + \(residual)")
    }
    for inner in node.inner { add(inner, to: &shares) }
  }
}

extension [String: Any] {
  fileprivate var inner: [Any] {
    let wrapped = (self["steps"] as? [[String: Any]] ?? []) + (self["branches"] as? [[String: Any]] ?? [])
    return wrapped.compactMap { $0["tree"] } + (self["alternatives"] as? [Any] ?? [])
  }
}

extension HTTPResponse {
  fileprivate var object: [String: Any] {
    (try? JSONSerialization.jsonObject(with: Data(bytes ?? []))) as? [String: Any] ?? [:]
  }
}
