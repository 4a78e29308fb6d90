import SystemIO
import Testing

@testable import Discovery

@Suite struct ConsulNamerTests {
  private let consul: FakeConsul
  private let name = "/#/io.l5d.consul/dc1/web"

  init() throws {
    consul = try FakeConsul()
    consul.set("web", [FakeConsul.instance("10.0.0.1"), FakeConsul.instance("", port: 81, node: "10.0.0.2")])
  }

  private func discovering(_ more: String = "") throws -> Discovering {
    try Discovering("kind: io.l5d.consul\nurl: \(consul.server.url)" + (more.isEmpty ? "" : "\n" + more))
  }

  @Test func bindsAndTellsEveryChange() async throws {
    let discovering = try discovering()
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80", "10.0.0.2:81"]))
    consul.set("web", [FakeConsul.instance("10.0.0.3"), FakeConsul.instance("10.0.0.4", status: "critical")])
    #expect(await discovering.sees(name, bound: ["10.0.0.3:80"]))
    #expect(discovering.told.all.last?.endpoints.first?.zone == "z1")
    consul.set("web", [])
    #expect(await discovering.wait(name) { $0.state == .negative } != nil)
    consul.set("web", [FakeConsul.instance("10.0.0.5")])
    #expect(await discovering.sees(name, bound: ["10.0.0.5:80"]))
    #expect(await discovering.want("/#/io.l5d.consul/dc2/web") { $0.state == .negative } != nil)
    #expect(await discovering.want("/#/io.l5d.consul/dc1/\\x2e\\x2e") { $0.state == .negative } != nil)
    #expect(await discovering.wants("/#/io.l5d.consul/.local/web", bound: ["10.0.0.5:80"]))
  }

  @Test func asksForTagsAndTakesWeights() async throws {
    consul.set(
      "web",
      [
        FakeConsul.instance("10.0.0.1", tags: ["canary", "v2"]), FakeConsul.instance("10.0.0.2", tags: ["v2"]),
        FakeConsul.instance("10.0.0.3", tags: ["v1"], more: #","Weights":{"Passing":7,"Warning":1}"#),
      ])
    let tagged = try discovering("includeTag: true\nweights: [{tag: canary, weight: 0.5}, {tag: v2, weight: 0.25}]")
    let state = await tagged.want("/#/io.l5d.consul/dc1/v2/web/rest") { $0.state == .bound }
    #expect(state?.endpoints.map(\.weight) == [0.5, 0.25] && state?.residual == path("/rest"))
    let plain = try discovering("consistencyMode: stale")
    let all = await plain.want(name) { $0.state == .bound }
    #expect(all?.endpoints.map(\.weight) == [1, 1, 7])
    #expect(consul.server.requests.contains { ($0.query ?? "").contains("&stale") })
  }

  @Test func healthAndAddressesAreConfigurable() async throws {
    consul.set(
      "web",
      [
        FakeConsul.instance("10.0.0.1", node: "10.1.0.1", status: "warning", more: #","Meta":{"a":"b"}"#),
        FakeConsul.instance("10.0.0.2", node: "10.1.0.2", status: "critical"),
      ])
    let discovering = try discovering(
      "healthStatuses: [passing, warning]\npreferServiceAddress: false\ntransferMetadata: true")
    let state = await discovering.want(name) { $0.has(["10.1.0.1:80"]) }
    #expect(state?.endpoints.first?.metadata == ["a": "b"])
  }

  @Test func anIndexThatWentBackIsNotWaitedFor() async throws {
    let discovering = try discovering()
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80", "10.0.0.2:81"]))
    let consul = consul
    #expect(await eventually { consul.waitingCount == 1 })
    consul.restore()
    consul.set("web", [FakeConsul.instance("10.0.0.7")])
    #expect(await discovering.sees(name, bound: ["10.0.0.7:80"]))
  }

  @Test(arguments: [Mood.refusing(500), .babbling("nonsense"), .babbling("{}"), .babbling(#"[{"Service":3}]"#)])
  func failsAndRecovers(mood: Mood) async throws {
    consul.server.set(mood)
    let discovering = try discovering()
    #expect(await discovering.want(name) { $0.state == .failed } != nil)
    consul.server.set(.up)
    #expect(await discovering.sees(name, bound: ["10.0.0.1:80", "10.0.0.2:81"]))
    let consul = consul
    #expect(await eventually { consul.waitingCount == 1 })
    consul.server.set(mood)
    consul.set("web", [FakeConsul.instance("10.0.0.7")])
    // That answer was on its way; the next question meets the mood.
    let stale = await discovering.wait(name) { $0.has(["10.0.0.7:80"]) && !$0.reason.isEmpty }
    #expect(stale != nil)
    consul.server.set(.up)
    #expect(await discovering.wait(name) { $0.reason.isEmpty && $0.version > stale?.version ?? 0 } != nil)
  }

  @Test func sendsItsToken() async throws {
    consul.demand(token: "secret")
    let without = try discovering()
    let state = await without.want(name) { $0.state == .failed }
    #expect(state?.reason == "the source answers 403: Permission denied")
    let with = try discovering("token: secret")
    #expect(await with.wants(name, bound: ["10.0.0.1:80", "10.0.0.2:81"]))
  }

  @Test func manyNamesTakeTurns() async throws {
    let count = ConsulNamer.openQuestions + 40
    for number in 0..<count { consul.set("s\(number)", [FakeConsul.instance("10.0.1.1", port: 1000 + number)]) }
    let discovering = try discovering()
    for number in 0..<count { discovering.service.want(path("/#/io.l5d.consul/dc1/s\(number)")) }
    for number in 0..<count {
      #expect(await discovering.sees("/#/io.l5d.consul/dc1/s\(number)", bound: ["10.0.1.1:\(1000 + number)"]))
    }
    #expect(consul.mostWaiting <= ConsulNamer.openQuestions)
  }
}

@Suite struct TurnsTests {
  @Test func givesTurnsInOrderAndAsksTheOldestToYield() {
    let turns = Turns(limit: 2)
    var log: [String] = []
    var ids: [UInt64] = []
    for name in ["a", "b", "c", "d"] {
      ids.append(turns.take(yield: { log.append("yield \(name)") }, begin: { log.append(name) }))
    }
    #expect(log == ["a", "b", "yield a", "yield b"] && turns.isCrowded)
    turns.give(ids[2])
    turns.give(ids[0])
    #expect(log.last == "d" && !turns.isCrowded && turns.holderCount == 2)
    turns.give(ids[0])
    turns.give(ids[1])
    turns.give(ids[3])
    #expect(turns.holderCount == 0)
  }
}
