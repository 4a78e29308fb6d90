import Foundation
import Testing

/// Authorizations from the command line to proxies and back, with real programs.
@Suite(.serialized) struct AuthorizationScenarioTests {
  @Test func storedRunCheckedAndTakenBack() throws {
    let mesh = try Mesh()
    let edge = try mesh.startProxy("edge")
    try mesh.route("/svc", "/#/registry")
    let set = try mesh.heddle(
      "authz", "set", "users", "--target", "users", "--from", "web", "--method", "GET", "--path", "/api", "--wait")
    #expect(set.code == 0, "\(set)")
    let list = try mesh.heddle("authz", "list", "-o", "table")
    #expect(list.output.contains("users          users   enforce  0     web   GET      /api"), "\(list)")
    func check(_ arguments: String...) throws -> (Int32, Bool?) {
      let answer = try run(
        "heddle", ["authz", "check", "--exit-code"] + arguments,
        environment: ["HEDDLE_CONTROLLER": "http://\(mesh.rest)"],
        folder: mesh.folder)
      return (answer.code, answer.object["allowed"] as? Bool)
    }
    #expect(try check("--from", "web", "--to", "users", "--path", "/api/x") == (0, true))
    #expect(try check("--from", "web", "--to", "users", "--path", "/api/../x") == (1, false))
    #expect(try check("--to", "users", "--path", "/api") == (1, false))
    #expect(try check("--to", "cart") == (0, true))

    let file = mesh.folder.path + "/authz.yaml"
    try "kind: authorization\nname: users\ntarget: '*'\nmode: dry_run\nrules: [{from: [anyone]}, {from: [web]}]\n"
      .write(
        toFile: file, atomically: true, encoding: .utf8)
    let diff = try mesh.heddle("diff", "-f", file, "--exit-code", "-o", "table")
    #expect(diff.code == 1 && diff.output.contains("+ authorization users"), "\(diff)")
    let applied = try mesh.heddle("apply", "-f", file, "--wait")
    #expect(applied.code == 0, "\(applied)")
    #expect(
      (applied.object["warnings"] as? [[String: Any]])?.contains { $0["code"] as? String == "redundant_rule" } == true,
      "\(applied)")
    #expect(try check("--to", "users") == (0, true))
    let stored = try #require(set.object["revision"] as? Int)
    let back = try mesh.heddle("rollback", "\(stored)", "--wait")
    #expect(back.code == 0, "\(back)")
    #expect(try check("--to", "users") == (1, false))

    // The proxy kept it on its disk, and starts with it when nobody else is there.
    let revision = try mesh.proxyStatus("edge")?["revision_acknowledged"] as? Int
    edge.program.terminate()
    _ = try edge.program.exitCode()
    let again = try mesh.startProxy("edge")
    try eventually("the proxy holds the same revision") {
      let status = try mesh.proxyStatus("edge")
      return status?["state"] as? String == "synced" && status?["revision_acknowledged"] as? Int == revision ? () : nil
    }
    #expect(!again.program.text.contains("warn"), "\(again.program.text)")
  }
}
