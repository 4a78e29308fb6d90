import Foundation
import Testing

/// One request routed differently, over three hops: A calls B, B calls E, each through a proxy of its own.
@Suite(.serialized) struct RequestRulesTests {
  private struct Graph {
    let mesh: Mesh
    /// Where the edge's calls go in.
    let edge: String
  }

  private func graph() throws -> Graph {
    let mesh = try Mesh()
    let (edge, hostA, hostB, hostP) = (
      try mesh.startProxy("edge"), try mesh.startProxy("host-a"), try mesh.startProxy("host-b"), try mesh.startProxy("host-p")
    )
    try mesh.register("A", try mesh.startService("A", call: ("B", hostA.address)).address)
    try mesh.register("B", try mesh.startService("B", call: ("E", hostB.address)).address)
    try mesh.register("B2", try mesh.startService("B2", call: ("E", hostB.address)).address)
    try mesh.register("E", try mesh.startService("E").address)
    try mesh.register("P", try mesh.startService("P", call: ("residual", hostP.address)).address)
    for name in ["a", "b", "b2", "e", "p"] { try mesh.route("/svc/\(name)", "/#/registry/\(name.uppercased())") }
    return Graph(mesh: mesh, edge: edge.address)
  }

  private func call(_ graph: Graph, _ fields: String...) throws -> [String] {
    var arguments = ["-H", "Host: a"]
    for field in fields { arguments += ["-H", field] }
    let answer = try curl(arguments, "http://\(graph.edge)/")
    #expect(answer.status == 200, "\(answer)")
    return answer.body.split(separator: "\n").map { String($0.split(separator: " ")[0]) }
  }

  @Test func aRequestMeetsTheStagingServiceWhereverItIsCalled() throws {
    let graph = try graph()
    #expect(try call(graph) == ["A", "B", "E"])
    #expect(try call(graph, "l5d-dtab: /svc/b => /svc/b2") == ["A", "B2", "E"])
    #expect(try call(graph) == ["A", "B", "E"], "the others are not concerned")
  }

  @Test func aDebugProxyStandsInFrontOfAService() throws {
    let graph = try graph()
    #expect(try call(graph, "l5d-dtab: /svc/e => /svc/p/svc/e") == ["A", "B", "P", "E"])
    #expect(try call(graph, "l5d-dtab: /svc/b => /svc/b2 ; /svc/e => /svc/p/svc/e") == ["A", "B2", "P", "E"])
  }

  @Test func theAnswerTellsWhyItWentThere() throws {
    let graph = try graph()
    let answer = try curl(["-H", "Host: b", "-H", "l5d-dtab: /svc/b => /svc/b2", "-H", "heddle-explain: 1"], "http://\(graph.edge)/")
    let way = try #require(answer.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("heddle-explain:") })
    for step in ["/svc/b;", "request 0 /svc/b => /svc/b2", "rules r-", "/svc/b2 => /#/registry/B2", "/#/registry/B2; 127.0.0.1:"] {
      #expect(way.contains(step), "\(step) in \(way)")
    }
    let only = try curl(["-H", "Host: b", "-H", "heddle-explain: only"], "http://\(graph.edge)/")
    #expect(only.json["pick"] as? String == "/#/registry/B", "\(only.body)")
  }
}
