import Discovery
import Foundation
import JSONFormat
import MeshProtocol
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

/// The naming corpus through `GET …/resolve`: the answer's states, trees, shares and refusals.
@Suite struct NamingCorpusTests {
  /// One plane, each case in a namespace of its own.
  @Test func resolveAgreesWithTheCorpus() async throws {
    let names = ScriptedNames()
    let plane = try Plane(names: names)
    for (number, c) in NamingCase.all.enumerated() {
      let namespace = "case-\(number)"
      let stored = await store(c, in: namespace, plane)
      if let refused = c.refused {
        let answer = stored.status < 300 ? await resolve(c, in: namespace, plane) : stored
        #expect([400, 422].contains(answer.status), "\(c)")
        #expect(answer.json["detail"]?.text?.contains(refused.why) == true, "\(c): \(answer.text)")
        continue
      }
      #expect(stored.status < 300, "\(c): \(stored.text)")
      names.script(try c.scripted())
      check(await resolve(c, in: namespace, plane).json, c)
    }
  }

  private func check(_ json: JSON, _ c: NamingCase) {
    let tree = json["tree"] ?? .null
    #expect(json["result"]?.text == c.result, "\(c): \(json.printedText)")
    if !c.bound.isEmpty { #expect(json["bound"]?.text == c.bound, "\(c)") }
    if c.result == "failed" { #expect(tree.failureCodes.contains(c.code), "\(c): \(json.printedText)") }
    guard c.result == "bound", !c.shares.isEmpty else { return }
    var shares = Shares()
    tree.addShares(to: &shares)
    shares.fill(with: "none")
    #expect(shares.listed == c.shares, "\(c)")
  }

  private func store(_ c: NamingCase, in namespace: String, _ plane: Plane) async -> Answer {
    let base = "/v1/namespaces/\(namespace)"
    let answer = await plane.raw(
      "PUT", base + "/dtab?create=true", Array(c.dtab.utf8), headers: [("content-type", "text/plain")])
    guard answer.status < 300 else { return answer }
    for split in c.splits {
      let answer = await plane.call("PUT", base + "/splits/\(split.name)", split.body)
      guard answer.status < 300 else { return answer }
    }
    return answer
  }

  private func resolve(_ c: NamingCase, in namespace: String, _ plane: Plane) async -> Answer {
    let query = [("name", c.name), ("dtab", c.request), ("context", c.context)]
      .map { "\($0)=\($1.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" }
    return await plane.call("GET", "/v1/namespaces/\(namespace)/resolve?" + query.joined(separator: "&"))
  }
}

/// Answers as a case says.
private final class ScriptedNames: NameDirectory {
  private let names = Mutex<[Path: DiscoveredName]>([:])

  func script(_ states: [Path: DiscoveredName]) { names.withLock { $0 = states } }

  func look(_ name: Path, from namespace: String, within patience: Duration) async -> DiscoveredName {
    names.withLock { $0[name] } ?? DiscoveredName(name: name, version: 1, state: .bound, id: name)
  }
}

extension NamingCase {
  fileprivate func scripted() throws -> [Path: DiscoveredName] {
    try states.reduce(into: [:]) { scripted, entry in
      let (name, known) = (try Path(parsing: entry.key), entry.value)
      scripted[name] = DiscoveredName(
        name: name, version: 1, state: try #require(DiscoveredName.State(rawValue: known.state)),
        id: known.id.isEmpty ? name : try Path(parsing: known.id),
        residual: known.residual.isEmpty ? .root : try Path(parsing: known.residual))
    }
  }
}

extension NamingCase.Split {
  fileprivate var body: JSON {
    let list = backends.map { backend -> JSON in
      [
        "name": .string(backend.name), "weight": JSON(backend.weight), "destination": .string(backend.destination),
      ]
    }
    return [
      "prefix": .string(prefix), "backends": .array(list), "on_unbound": .string(onUnbound), "allow_zero": true,
    ]
  }
}

extension JSON {
  /// Steps' and branches' trees, and alternatives.
  private var inner: [JSON] {
    let wrapped = (self["steps"]?.items ?? []) + (self["branches"]?.items ?? [])
    return wrapped.compactMap { $0["tree"] } + (self["alternatives"]?.items ?? [])
  }

  fileprivate var failureCodes: [String] {
    if self["kind"] == "leaf", self["result"] == "failed" { return ["binding-timeout"] }
    return (self["code"]?.text.map { [$0] } ?? []) + inner.flatMap(\.failureCodes)
  }

  fileprivate func addShares(to shares: inout Shares) {
    guard self["chosen"] == true, let part = self["part"]?.double else { return }
    switch (self["result"]?.text, self["kind"]?.text) {
    case ("bound", "leaf"):
      let residual = self["residual"]?.text ?? "/"
      let name = (self["id"] ?? self["name"])?.text ?? ""
      shares.add(part, to: residual == "/" ? name : "\(name) + \(residual)")
    case ("bound", _): for node in inner { node.addShares(to: &shares) }
    case ("pending", _): shares.add(part, to: "pending")
    default: shares.add(part, to: "none")
    }
  }
}
