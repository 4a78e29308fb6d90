import Foundation
import Testing

/// One controller for each store; and what happens when a store goes back in time.
@Suite(.serialized) struct StoreHistoryTests {
  @Test func secondControllerOnTheSameStoreRefusesToStart() throws {
    let mesh = try Mesh()
    let second = try run("heddle-controller", ["serve", "--config", mesh.configuration], folder: mesh.folder)
    #expect(second.code == 1, "\(second)")
    #expect(second.complaint.contains(mesh.store) && second.complaint.contains("in use by another process"), "\(second)")
    for command in [["restore", mesh.store + ".copy"], ["epoch", "new"]] {
      if command[0] == "restore" { try back(up: mesh, to: command[1]) }
      let answer = try run("heddle-controller", command + ["--config", mesh.configuration], folder: mesh.folder)
      #expect(answer.code == 1 && answer.complaint.contains("in use by another process"), "\(command): \(answer)")
    }
    #expect(try curl("http://\(mesh.rest)/readyz").status == 200)
  }

  /// A restore by our own command is a new epoch: the proxies take the older rules, and say so.
  @Test func restoredBackupIsANewEpoch() throws {  // item 102
    let history = try TwoStepHistory()
    let (mesh, proxy) = (history.mesh, history.proxy)
    let copy = mesh.folder.path + "/backup.db"
    try back(up: mesh, to: copy)
    try mesh.route("/svc/web", "/#/registry/web-v2")
    #expect(try history.served == "v2")
    let epoch = try history.epoch

    try mesh.stopController()
    let restored = try run("heddle-controller", ["restore", copy, "--config", mesh.configuration], folder: mesh.folder)
    #expect(restored.code == 0, "\(restored)")
    // Nobody who asks the controller changes what the proxy does meanwhile.
    #expect(try history.served == "v2")
    try mesh.restartController()
    #expect(try history.epoch != epoch)
    try eventually("the proxy follows the new epoch") { try history.served == "v1" ? () : nil }
    try eventually("it is synced") { try mesh.proxyStatus("edge")?["state"] as? String == "synced" ? () : nil }
    #expect(try curl("http://\(proxy.admin)/metrics").body.contains("heddle_config_epoch_changes_total 1"))
    #expect(proxy.program.text.contains("another epoch"), "\(proxy.program.text)")
    try mesh.route("/svc/other", "/#/registry/web-v2")
  }

  /// A file put back by hand is not: the proxies keep what they have, nothing is written, until an operator says so.
  @Test func storeThatWentBackWritesNothingUntilANewEpoch() throws {  // item 102
    let history = try TwoStepHistory()
    let mesh = history.mesh
    let store = URL(fileURLWithPath: mesh.store)
    try mesh.stopController()
    let old = try Data(contentsOf: store)
    try mesh.restartController()
    try history.awaitSync()
    try mesh.route("/svc/web", "/#/registry/web-v2")
    try mesh.stopController()
    for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: mesh.store + suffix) {
      try FileManager.default.removeItem(atPath: mesh.store + suffix)
    }
    try old.write(to: store)

    try mesh.restartController()
    let lost = try eventually("the controller sees that history is lost") { () -> CurlAnswer? in
      let ready = try curl("http://\(mesh.rest)/readyz")
      return ready.status == 503 ? ready : nil
    }
    #expect(lost.body.contains("heddle-controller epoch new"), "\(lost)")
    let refused = try curl(mesh.url("/namespaces/default/rules"), body: #"{"prefix": "/svc/x", "destination": "/#/registry/web-v1"}"#)
    #expect(refused.status == 503 && refused.head.lowercased().contains("retry-after"), "\(refused)")
    #expect(try curl(mesh.url("/namespaces/default/rules")).body.contains("web-v1"))
    for _ in 0..<10 { #expect(try history.served == "v2") }

    try mesh.stopController()
    let renewed = try run("heddle-controller", ["epoch", "new", "--config", mesh.configuration], folder: mesh.folder)
    #expect(renewed.code == 0, "\(renewed)")
    try mesh.restartController()
    try history.awaitSync()
    try eventually("the proxy follows the new epoch") { try history.served == "v1" ? () : nil }
    #expect(try curl("http://\(mesh.rest)/readyz").status == 200)
    try mesh.route("/svc/x", "/#/registry/web-v1")
  }

  private func back(up mesh: Mesh, to file: String) throws {
    let answer = try run("heddle-controller", ["backup", file, "--config", mesh.configuration], folder: mesh.folder)
    #expect(answer.code == 0, "\(answer)")
  }
}

/// A mesh with one proxy and one rule, which leads to v1; v2 waits.
private struct TwoStepHistory {
  let mesh: Mesh
  let proxy: (program: RunningProgram, address: String, admin: String)

  init() throws {
    mesh = try Mesh()
    for label in ["v1", "v2"] { try mesh.register("web-\(label)", try mesh.startService(label).address) }
    proxy = try mesh.startProxy("edge")
    try awaitSync()
    try mesh.route("/svc/web", "/#/registry/web-v1")
    guard try served == "v1" else { throw NeverHappened(description: "v1 serves") }
  }

  /// Which version answers; every request must be answered.
  var served: String {
    get throws {
      let answer = try curl("-H", "Host: web", "http://\(proxy.address)/")
      guard answer.status == 200 else { throw NeverHappened(description: "a request was not answered: \(answer)") }
      return String(answer.body.prefix(2))
    }
  }

  var epoch: String { get throws { try curl("http://\(mesh.rest)/version").json["epoch"] as? String ?? "" } }

  func awaitSync() throws {
    try eventually("the proxy is synced") { try mesh.proxyStatus("edge")?["state"] as? String == "synced" ? () : nil }
  }
}
