import Foundation
import Testing

/// A proxy starts from its disk when no controller answers; from what is whole there, or not at all.
@Suite(.serialized) struct ProxyStateTests {
  @Test func startsFromDiskAndSaysThatItIsStale() throws {  // item 100
    let kept = try KeptOnDisk()
    let proxy = try kept.mesh.startProxy("edge")
    #expect(try kept.answer(of: proxy.address) == "v2")
    let ready = try curl("http://\(proxy.admin)/readyz")
    #expect(ready.status == 200)
    #expect(ready.body.contains("stale=true"))
    #expect(try curl("http://\(proxy.admin)/metrics").body.contains("heddle_config_stale 1"))

    try kept.mesh.restartController()
    try eventually("the controller confirms") { () -> Void? in
      let ready = try curl("http://\(proxy.admin)/readyz")
      return ready.status == 200 && !ready.body.contains("stale=true") ? () : nil
    }
    #expect(try kept.answer(of: proxy.address) == "v2")
  }

  @Test func damagedFileGivesWayToTheGenerationBefore() throws {  // item 101
    let kept = try KeptOnDisk()
    var random = SeededNumbers(seed: 101)
    var damages: [(String, Data)] = [0, 1, kept.newest.count / 2, kept.newest.count - 1].map { ("cut to \($0)", kept.newest.prefix($0)) }
    for _ in 0..<4 {
      var bytes = kept.newest
      let (place, bit) = (Int.random(in: 0..<bytes.count, using: &random), Int.random(in: 0..<8, using: &random))
      bytes[place] ^= 1 << bit
      damages.append(("bit \(bit) of byte \(place)", bytes))
    }
    for (what, bytes) in damages {
      try kept.put(newest: bytes, older: kept.older)
      let proxy = try kept.mesh.startProxy("edge")
      #expect(try kept.answer(of: proxy.address) == "v1", "\(what)")
      let ready = try curl("http://\(proxy.admin)/readyz")
      #expect(ready.status == 200 && ready.body.contains("stale=true"), "\(what): \(ready)")
      proxy.program.kill()
      _ = try proxy.program.exitCode()
    }
  }

  @Test func nothingWholeMeansNotReady() throws {  // item 101
    let kept = try KeptOnDisk()
    try kept.put(newest: kept.newest.prefix(40), older: kept.older.dropLast())
    let proxy = try kept.mesh.startProxy("edge")
    #expect(try curl("http://\(proxy.admin)/readyz").status == 503)
    #expect(try curl("http://\(proxy.admin)/livez").status == 200)
    let refused = try curl("-H", "Host: web", "http://\(proxy.address)/")
    #expect((500..<600).contains(refused.status) && refused.head.lowercased().contains("heddle-error"), "\(refused)")

    try kept.mesh.restartController()
    try eventually("it is ready") { try curl("http://\(proxy.admin)/readyz").status == 200 ? () : nil }
    #expect(try kept.answer(of: proxy.address) == "v2")
  }

  @Test func secondProxyOnTheSameStateRefusesToStart() throws {
    let mesh = try Mesh()
    let proxy = try mesh.startProxy("edge")
    let answer = try run("heddle-proxy", ["--config", try mesh.writeProxyFile("edge")], folder: mesh.folder)
    #expect(answer.code == 1, "\(answer)")
    #expect(answer.complaint.contains("state.path") && answer.complaint.contains(mesh.statePath("edge")), "\(answer)")
    #expect(answer.complaint.contains("used by another proxy"), "\(answer)")
    #expect(try curl("http://\(proxy.admin)/livez").status == 200)
  }
}

/// A proxy's state file in two generations: the newest leads to v2, the one before to v1. Nobody runs any more.
private struct KeptOnDisk {
  let mesh: Mesh
  let newest: Data
  let older: Data

  init() throws {
    let mesh = try Mesh()
    self.mesh = mesh
    let services = try ["v1", "v2"].map { try mesh.startService($0).address }
    for (index, address) in services.enumerated() { try mesh.register("web-v\(index + 1)", address) }
    let proxy = try mesh.startProxy("edge")
    let path = mesh.statePath("edge")
    for label in ["v1", "v2"] {
      try mesh.route("/svc/web", "/#/registry/web-\(label)")
      try eventually("a request goes to \(label)") {
        try curl("-H", "Host: web", "http://\(proxy.address)/").body.hasPrefix(label) ? () : nil
      }
      // Rule and endpoint are both on disk.
      let needed = ["/#/registry/web-\(label)", services[label == "v1" ? 0 : 1]]
      try eventually("\(label) is on disk") { () -> Void? in
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return needed.allSatisfy { data.range(of: Data($0.utf8)) != nil } ? () : nil
      }
    }
    mesh.killController()
    proxy.program.kill()
    _ = try proxy.program.exitCode()
    newest = try Data(contentsOf: URL(fileURLWithPath: path))
    older = try Data(contentsOf: URL(fileURLWithPath: path + ".previous"))
  }

  func put(newest: Data, older: Data) throws {
    try newest.write(to: URL(fileURLWithPath: mesh.statePath("edge")))
    try older.write(to: URL(fileURLWithPath: mesh.statePath("edge") + ".previous"))
  }

  /// Which version answers, once one does.
  func answer(of proxy: String) throws -> String {
    try eventually("the proxy serves") { () -> String? in
      let answer = try curl("-H", "Host: web", "http://\(proxy)/")
      return answer.status == 200 ? String(answer.body.prefix(2)) : nil
    }
  }
}
