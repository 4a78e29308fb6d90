import Foundation
import Testing

/// namerd's HTTP API as a client of namerd uses it: `namerd_client.py`, which knows nothing of us.
@Suite struct NamerdTests {
  private struct Namerd {
    let mesh: Mesh
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("namerd_client.py").path

    func call(_ arguments: String...) throws -> ToolAnswer {
      try run("/usr/bin/python3", [script, "http://\(mesh.rest)"] + arguments, folder: mesh.folder)
    }

    func file(_ text: String) throws -> String {
      let path = mesh.folder.path + "/\(UUID().uuidString).dtab"
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
  }

  @Test func whatNamerctlDoes() throws {
    let namerd = Namerd(mesh: try Mesh())
    #expect(try namerd.call("list").output == "default\n")
    let created = try namerd.call("create", "web", try namerd.file("/svc => /host ; /host => /#/registry ;"))
    #expect(created.code == 0, "\(created)")
    #expect(try namerd.call("list").output == "default\nweb\n")
    let again = try namerd.call("create", "web", try namerd.file("/svc => /b"))
    #expect(again.code == 1 && again.complaint.hasPrefix("409"), "\(again)")

    let first = try namerd.call("get", "web")
    let lines = first.output.split(separator: "\n").map(String.init)
    #expect(lines.dropFirst() == ["/svc  => /host ;", "/host => /#/registry ;"], "\(first)")
    let version = try #require(lines.first?.split(separator: " ").last.map(String.init))

    let other = try namerd.file("/svc => /host ; /host => /#/registry ; /host/old => /#/registry/new")
    #expect(try namerd.call("update", "web", other, version).code == 0)
    let stale = try namerd.call("update", "web", other, version)
    #expect(stale.code == 1 && stale.complaint.hasPrefix("412"), "\(stale)")
    #expect(try namerd.call("update", "web", other).code == 0)
    let malformed = try namerd.call("update", "web", try namerd.file("/svc => /a &"))
    #expect(malformed.code == 1 && malformed.complaint.hasPrefix("400"), "\(malformed)")
    let absent = try namerd.call("update", "none", other, version)
    #expect(absent.code == 1 && absent.complaint.hasPrefix("404"), "\(absent)")

    #expect(try namerd.call("delete", "web").code == 0)
    let gone = try namerd.call("get", "web")
    #expect(gone.code == 1 && gone.complaint.hasPrefix("404"), "\(gone)")
    #expect(try namerd.call("delete", "web").complaint.hasPrefix("404"))
  }

  @Test func namesAreDelegatedBoundAndWatched() throws {
    let mesh = try Mesh()
    let namerd = Namerd(mesh: mesh)
    #expect(try namerd.call("update", "default", try namerd.file("/svc => /#/registry ; /svc/b => 3*/svc/b1 & /svc/b2")).code == 0)
    let watching = try RunningProgram(
      "/usr/bin/python3", [namerd.script, "http://\(mesh.rest)", "watch", "/addr/default?path=/%23/registry/b1&watch=true", "2"])
    try eventually("the first value comes") { watching.text.contains("{\"type\":\"neg\"}") ? () : nil }
    try mesh.register("b1", "10.0.0.1:80")
    #expect(try watching.exitCode() == 0)
    #expect(watching.text.contains("{\"ip\":\"10.0.0.1\",\"port\":80,\"meta\":{}}"), "\(watching.text)")

    let bound = try namerd.call("bind", "default", "/svc/b/x")
    let leaf = bound.object["bound"] as? [String: Any]
    #expect(leaf?["id"] as? String == "/#/registry/b1" && leaf?["path"] as? String == "/x", "\(bound)")
    let own = try namerd.call("bind", "default", "/svc/b", "/svc/b => ~ | $")
    #expect(own.object["type"] as? String == "empty", "\(own)")
    let address = try namerd.call("resolve", "default", "/svc/b")
    #expect(address.output.contains("10.0.0.1"), "\(address)")
    let delegated = try namerd.call("delegate", "default", "/svc/b")
    #expect(delegated.object["type"] as? String == "alt", "\(delegated)")
    let bad = try namerd.call("delegate", "default", "svc")
    #expect(bad.complaint.hasPrefix("400") && bad.complaint.contains("Invalid path: '/' expected"), "\(bad)")
  }
}
