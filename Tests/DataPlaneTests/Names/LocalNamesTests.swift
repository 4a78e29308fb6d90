import Foundation
import MeshProtocol
import Serving
import SystemIO
import Telemetry
import Testing

@testable import DataPlane

/// The names that a proxy answers by itself. A file's first answer comes at once, so that the loop need not turn.
@Suite struct LocalNamesTests {
  private let web = try! Path(parsing: "/#/io.l5d.fs/web")
  private let users = try! Path(parsing: "/#/registry/users")

  /// What workers were told, in order.
  private final class Told {
    var sets: [(set: EndpointSet, workers: Set<Int>)] = []

    func last(_ name: Path) -> EndpointSet? { sets.last { $0.set.name == name }?.set }
    func lastFor(_ worker: Int) -> EndpointSet? { sets.last { $0.workers.contains(worker) }?.set }
  }

  private func names(_ yaml: String, _ told: Told) throws -> LocalNames {
    let loop = try ServiceLoop()
    let log = Log(level: .error, clock: { 0 }, write: { _ in })
    let names = LocalNames(try proxyConfiguration(yaml), loop: loop, blocking: loop.executor, log: log)
    names.publish = { told.sets.append(($0, $1)) }
    return names
  }

  private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
    try withFolder { folder in
      try text.write(toFile: folder + "/web", atomically: true, encoding: .utf8)
      try body("namers: [{kind: io.l5d.fs, rootDir: \(folder)}]\n")
    }
  }

  @Test func everyWorkerThatWantsANameIsToldOfIt() throws {
    try withFile("10.0.0.1 80 * 2\n10.0.0.2 80\n") { yaml in
      let told = Told()
      let names = try names(yaml, told)
      let deep = web.appending(Segment("rest")!)
      names.want(deep, worker: 0)
      let set = try #require(told.lastFor(0))
      #expect(set.state == .bound && set.id == "/#/io.l5d.fs/web" && set.residual.description == "/rest")
      #expect(set.endpoints.map(\.text) == ["10.0.0.1:80", "10.0.0.2:80"] && set.endpoints.map(\.weight) == [2, 1])
      #expect(set.confirmed > 0)
      names.want(deep, worker: 1)
      #expect(told.lastFor(1)?.endpoints.count == 2)
      #expect(names[deep]?.state == .bound && names.bound.count == 1)
    }
  }

  @Test func whatNobodyAnswersIsNegativeAtOnce() throws {
    let told = Told()
    let standalone = try names("registry: {users: [127.0.0.1:1]}\n", told)
    for name in ["/#/registry/other", "/#/io.l5d.k8s/a/b/c", "/#/io.l5d.fs/web"] {
      let path = try Path(parsing: name)
      #expect(standalone.answers(path))
      standalone.want(path, worker: 0)
      #expect(told.last(path)?.state == .negative, "\(name)")
    }
  }

  @Test func besideAControllerOnlyWhatTheFileListsIsOurs() throws {
    let told = Told()
    let names = try names("mesh: c\nregistry: {users: [127.0.0.1:1]}\n", told)
    let host = try Path(parsing: "/$/inet/web.test/80")
    #expect(names.answers(users) && !names.answers(web) && !names.answers(host))
    let other = try Path(parsing: "/#/registry/other")
    names.want(other, worker: 2)
    #expect(told.lastFor(2)?.state == .negative)
  }

  @Test func theFilesListsGoBeforeItsNamers() throws {
    try withFile("10.0.0.1 80\n") { yaml in
      let told = Told()
      let list = "namers: [{kind: io.l5d.static, prefix: /io.l5d.fs, names: {web: [10.0.0.9:1]}},"
      let names = try names(yaml.replacingOccurrences(of: "namers: [", with: list), told)
      names.want(web, worker: 0)
      #expect(told.lastFor(0)?.endpoints.map(\.text) == ["10.0.0.9:1"])
    }
  }

  @Test func announcedNamesAreKnownBeforeAnybodyWantsThem() throws {
    try withFile("10.0.0.1 80\n") { yaml in
      let told = Told()
      let names = try names(yaml, told)
      // A name server is asked when the loop turns, which it does not here.
      let pending = try Path(parsing: "/#/io.l5d.dns/web.test/80")
      #expect(names.announce([web, pending, users]) == [pending])
      #expect(names.announce([web, pending]) == [pending])
      #expect(told.sets.allSatisfy { $0.workers.isEmpty })
      names.want(web, worker: 0)
      #expect(told.lastFor(0)?.endpoints.count == 1)
    }
  }

  @Test func aReloadTakesNothingAwayBeforeItsTableRuns() throws {
    try withFile("10.0.0.1 80\n") { yaml in
      let told = Told()
      let names = try names(yaml + "registry: {users: [10.0.0.2:1]}\n", told)
      names.want(web, worker: 0)
      names.want(users, worker: 0)
      let changed = try proxyConfiguration("")
      #expect(names.reload(changed.names, changed.namers).isEmpty)
      #expect(told.last(web)?.state == .bound && told.last(users)?.state == .bound)
      // Nobody had it before: that it is not there can be told.
      let other = try Path(parsing: "/#/registry/other")
      names.want(other, worker: 0)
      #expect(told.last(other)?.state == .negative)
      names.finishReload()
      #expect(told.last(web)?.state == .negative && told.last(users)?.state == .negative)
    }
  }

  @Test func aNameMovesBetweenListAndNamerWithoutALoss() throws {
    try withFile("10.0.0.1 80\n") { yaml in
      let told = Told()
      let names = try names(yaml, told)
      names.want(web, worker: 0)
      let listed = try proxyConfiguration("namers: [{kind: io.l5d.static, prefix: /io.l5d.fs, names: {web: [10.0.0.9:1]}}]\n")
      _ = names.reload(listed.names, listed.namers)
      names.finishReload()
      #expect(told.last(web)?.endpoints.map(\.text) == ["10.0.0.9:1"])
      let watched = try proxyConfiguration(yaml)
      _ = names.reload(watched.names, watched.namers)
      names.finishReload()
      #expect(told.last(web)?.endpoints.map(\.text) == ["10.0.0.1:80"])
      #expect(told.sets.allSatisfy { $0.set.state == .bound })
    }
  }

  @Test func besideAControllerANameThatIsNoLongerListedIsHandedOver() throws {
    let told = Told()
    let names = try names("mesh: c\nregistry: {users: [10.0.0.2:1]}\n", told)
    names.want(users, worker: 4)
    let changed = try proxyConfiguration("mesh: c\n")
    let handedOver = names.reload(changed.names, changed.namers)
    #expect(handedOver.map(\.name) == [users] && handedOver.map(\.workers) == [[4]])
    names.finishReload()
    #expect(told.sets.allSatisfy { $0.set.state == .bound } && names[users] == nil)
  }
}
