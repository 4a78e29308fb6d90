import Foundation
import Testing

/// A gRPC client that shares no code with ours follows the mesh stream.
@Suite(.serialized, .enabled(if: python != nil, "HEDDLE_PYTHON names an interpreter with grpcio"))
struct MeshClientTests {
  @Test func followsTheStream() throws {
    let mesh = try Mesh()
    try mesh.register("users-v1", "127.0.0.1:9")
    let client = try meshClient(
      mesh, "--instance", "python-1", "--subscribe", "/#/registry/users-v1", "--revisions", "4", "--report")
    let first = try eventually("a snapshot is applied") { try client.event("applied") }
    #expect(first["kind"] as? String == "snapshot", "\(client.text)")
    try eventually("endpoints are told") { try client.event("endpoints")?["addresses"] as? [String] == ["127.0.0.1:9"] ? () : nil }

    for number in 1...2 {
      let posted = try curl(
        mesh.url("/namespaces/default/rules?wait=applied&timeout=20s"),
        body: "{\"prefix\": \"/svc/n\(number)\", \"destination\": \"/#/registry/users-v1\"}")
      #expect(posted.json["complete"] as? Bool == true && posted.json["applied"] as? Int == 1, "\(posted)")
      let revision = posted.json["revision"] as? Int
      let applied = try eventually("the delta is applied") { try client.event("applied", revision: revision) }
      #expect(applied["kind"] as? String == "delta" && applied["resources"] as? Int == number, "\(client.text)")
      if number == 1 {
        let status = try #require(try mesh.proxyStatus("python"))
        #expect(status["id"] as? String == "python-1")
        #expect(status["revision_acknowledged"] as? Int == revision, "\(status)")
        #expect(status["state"] as? String == "synced", "\(status)")
      }
    }
    try lead(away: client, from: mesh)
    #expect(try client.event("report_ack")?["sequence"] as? Int == 1, "\(client.text)")
    try eventually("it counts as gone") { () -> Void? in
      let answer = try curl("http://\(mesh.rest)/v1/proxies/python-1")
      return answer.json["state"] as? String == "disconnected" ? () : nil
    }
  }

  @Test func refusalIsSeenAndExitsWithOne() throws {
    let mesh = try Mesh()
    let client = try meshClient(mesh, "--instance", "python-2", "--revisions", "3", "--nack")
    try eventually("a snapshot is applied") { try client.event("applied") }
    let split = try mesh.heddle(
      "split", "set", "users", "v1=1*/#/registry/users-v1", "v2=1*/#/registry/users-v2", "--wait", "--timeout", "20s")
    #expect(split.code == 1, "\(split)")
    #expect(split.output.contains("refused by mesh_client.py"), "\(split)")
    let status = try #require(try mesh.proxyStatus("python"))
    #expect(status["state"] as? String == "rejected", "\(status)")
    let check = try mesh.heddle("check")
    #expect(check.code == 1 && check.output.contains("refused by mesh_client.py"), "\(check)")

    // The next revision is offered again, as one step over the refused one.
    let shift = try mesh.heddle("shift", "users", "v2=10%", "--wait", "--timeout", "20s")
    #expect(shift.code == 0, "\(shift)")
    try lead(away: client, from: mesh)
  }

  /// One change more, which nobody waits for: the client leaves when it has applied it, and one that left is no longer one that applied.
  private func lead(away client: RunningProgram, from mesh: Mesh) throws {
    let posted = try curl(
      mesh.url("/namespaces/default/rules"), body: "{\"prefix\": \"/svc/farewell\", \"destination\": \"/#/registry/users-v1\"}")
    #expect(posted.status == 201, "\(posted)")
    #expect(try client.exitCode() == 0, "\(client.text)")
  }
}

extension RunningProgram {
  /// The newest line that tells of such an event.
  fileprivate func event(_ name: String, revision: Int? = nil) throws -> [String: Any]? {
    let events = text.split(separator: "\n").compactMap {
      (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
    }
    return events.last { $0["event"] as? String == name && (revision == nil || $0["revision"] as? Int == revision) }
  }
}
