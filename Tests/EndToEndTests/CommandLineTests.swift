import Foundation
import Testing

/// `heddle` against a live controller and a live proxy: what it does, prints and exits with.
@Suite(.serialized) struct CommandLineTests {
  @Test func rulesSplitsAndShifts() throws {
    let mesh = try OneProxyMesh()
    let added = try mesh.heddle("rules", "add", "/svc/users", "/#/registry/users-v1", "--wait", "--reason", "first")
    #expect(added.code == 0 && added.object["complete"] as? Bool == true, "\(added)")
    let list = try mesh.heddle("rules", "list")
    #expect((list.object["rules"] as? [[String: Any]])?.first?["prefix"] as? String == "/svc/users", "\(list)")
    #expect(try mesh.version("users") == "v1")

    let stored = try mesh.heddle(
      "split", "set", "users", "v1=100*/#/registry/users-v1", "v2=0*/#/registry/users-v2", "--wait")
    #expect(stored.code == 0, "\(stored)")
    let shifted = try mesh.heddle("shift", "users", "v2=100%", "--wait", "--timeout", "20s")
    #expect(shifted.code == 0, "\(shifted)")
    for _ in 0..<10 { #expect(try mesh.version("users") == "v2") }

    let bad = try mesh.heddle("rules", "add", "/svc/users", "/#/registry/a & & /b")
    #expect(bad.code == 2 && !bad.complaint.isEmpty, "\(bad)")
    #expect(try mesh.heddle("shift", "users", "v3=10%").code == 1)
    #expect(try mesh.heddle("shift", "users").code == 2)
  }

  /// The exit codes that scripts act upon; 1 (rejected) is in `MeshClientTests`, as our own proxy rejects nothing that our
  /// controller takes.
  @Test func exitCodesOfAShift() throws {
    let mesh = try OneProxyMesh()
    try mesh.split(at: 100)
    let revision = try #require(try mesh.heddle("rules", "list").object["revision"] as? Int)

    #expect(try mesh.heddle("shift", "users", "v2=10%", "--wait", "--if-revision", "\(revision)").code == 0)
    let stale = try mesh.heddle("shift", "users", "v2=20%", "--wait", "--if-revision", "\(revision)")
    #expect(stale.code == 4, "\(stale)")

    // A proxy that hangs has not acknowledged.
    mesh.proxy.program.signal(SIGSTOP)
    let late = try mesh.heddle("shift", "users", "v2=30%", "--wait", "--timeout", "1s")
    #expect(late.code == 5, "\(late)")
    #expect(late.object["complete"] as? Bool == false && (late.object["pending"] as? [Any])?.count == 1, "\(late)")
    mesh.proxy.program.signal(SIGCONT)
    let caughtUp = try mesh.heddle("shift", "users", "v2=40%", "--wait", "--timeout", "20s")
    #expect(caughtUp.code == 0, "\(caughtUp)")

    mesh.mesh.killController()
    let away = try mesh.heddle("shift", "users", "v2=50%", "--wait")
    #expect(away.code == 3, "\(away)")
  }

  @Test func applyDiffAndRollBack() throws {
    let mesh = try OneProxyMesh()
    let folder = mesh.mesh.folder.path + "/desired"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let split = """
      kind: split
      name: users
      prefix: /svc/users
      backends:
        - {name: v1, destination: /#/registry/users-v1, weight: 90}
        - {name: v2, destination: /#/registry/users-v2, weight: 10}
      """
    try split.write(toFile: folder + "/10-users.yaml", atomically: true, encoding: .utf8)
    try "kind: dtab\nname: rules\nvalue: ignored\n".write(toFile: folder + "/notes.txt", atomically: true, encoding: .utf8)
    try """
    {"kind": "rule", "name": "", "prefix": "/svc", "destination": "/#/registry"}
    """.write(toFile: folder + "/20-all.json", atomically: true, encoding: .utf8)

    // A namespace with connected proxies and nothing in it would be refused.
    #expect(try mesh.heddle("rules", "add", "/svc/base", "/#/registry/users-v1").code == 0)
    let before = try #require(try mesh.heddle("rules", "list").object["revision"] as? Int)
    let planned = try mesh.heddle("diff", "-f", folder, "--exit-code")
    #expect(planned.code == 1, "\(planned)")
    #expect((planned.object["diff"] as? [Any])?.count == 2, "\(planned)")
    #expect(try mesh.heddle("rules", "list").object["revision"] as? Int == before)

    let applied = try mesh.heddle("apply", "-f", folder, "--wait", "--reason", "release 31")
    #expect(applied.code == 0 && applied.object["revision"] as? Int == before + 1, "\(applied)")
    let same = try mesh.heddle("diff", "-f", folder + "/10-users.yaml", "--exit-code")
    #expect(same.code == 0, "\(same)")
    let history = try mesh.heddle("history")
    #expect(history.output.contains("release 31"), "\(history)")

    try split.replacingOccurrences(of: "weight: 90", with: "weight: minus").write(
      toFile: folder + "/10-users.yaml", atomically: true, encoding: .utf8)
    let refused = try mesh.heddle("apply", "-f", folder)
    #expect(refused.code == 1 && refused.complaint.contains("weight"), "\(refused)")

    let back = try mesh.heddle("rollback", "\(before)", "--wait")
    #expect(back.code == 0 && back.object["revision"] as? Int == before + 2, "\(back)")
    #expect((try mesh.heddle("split", "list").object["splits"] as? [Any])?.isEmpty == true)
    #expect(try mesh.heddle("rollback", "999").code == 1)
  }

  @Test func resolveCheckAndStat() throws {
    let mesh = try OneProxyMesh()
    try mesh.split(at: 50)
    let resolved = try mesh.heddle("resolve", "/svc/users")
    #expect(resolved.code == 0, "\(resolved)")
    #expect(resolved.output.contains("/#/registry/users-v1") && resolved.output.contains(mesh.services[0]), "\(resolved)")

    let well = try mesh.heddle("check")
    #expect(well.code == 0, "\(well)")
    #expect(try mesh.heddle("rules", "add", "/svc/ghost", "/#/registry/ghost", "--wait").code == 0)
    let ill = try mesh.heddle("check")
    #expect(ill.code == 1 && ill.output.contains("ghost") && ill.output.contains("heddle services register ghost"), "\(ill)")

    for _ in 0..<20 { _ = try mesh.version("users") }
    try eventually("both backends are counted") { () -> Bool? in
      let stat = try mesh.heddle("stat", "backend", "-o", "json")
      guard stat.code == 0, let rows = stat.object["metrics"] as? [[String: Any]] else {
        throw NeverHappened(description: "stat answers: \(stat)")
      }
      let whole = rows.filter { ($0["requests_per_second"] as? Double ?? 0) > 0 && $0["success_rate"] as? Double == 1 }
      return Set(whole.compactMap { $0["branch"] as? String }) == ["v1", "v2"] ? true : nil
    }
  }
}

/// A mesh with one proxy, and users in two versions.
private struct OneProxyMesh {
  let mesh: Mesh
  let proxy: (program: RunningProgram, address: String, admin: String)
  let services: [String]

  init() throws {
    let mesh = try Mesh()
    self.mesh = mesh
    services = try ["v1", "v2"].map { try mesh.startService($0).address }
    proxy = try mesh.startProxy("edge")
    for (index, address) in services.enumerated() {
      let answer = try heddle("services", "register", "users-v\(index + 1)", address)
      guard answer.code == 0 else { throw NeverHappened(description: "register: \(answer)") }
    }
    try eventually("the proxy is synced") { try mesh.proxyStatus("edge")?["state"] as? String == "synced" ? () : nil }
  }

  func heddle(_ arguments: String...) throws -> ToolAnswer {
    try run("heddle", arguments, environment: ["HEDDLE_CONTROLLER": "http://\(mesh.rest)", "NO_COLOR": "1"], folder: mesh.folder)
  }

  func split(at percent: Int) throws {
    let answer = try heddle(
      "split", "set", "users", "v1=\(percent)*/#/registry/users-v1", "v2=\(100 - percent)*/#/registry/users-v2", "--wait")
    guard answer.code == 0 else { throw NeverHappened(description: "split: \(answer)") }
  }

  /// Which version answers a request now.
  func version(_ host: String) throws -> String {
    String(try curl("-H", "Host: \(host)", "http://\(proxy.address)/").body.prefix(2))
  }
}
