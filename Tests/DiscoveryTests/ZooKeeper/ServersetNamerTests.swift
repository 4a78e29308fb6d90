import SystemIO
import Testing

@testable import Discovery

/// Against a real ZooKeeper.
@Suite struct ServersetNamerTests {
  private let server: RunningZooKeeper
  private let writer: ZooKeeperWriter
  private let name = "/#/io.l5d.serversets/shop/web"

  init() throws {
    server = try RunningZooKeeper.started()
    writer = try ZooKeeperWriter(server.port)
    try writer.createAll("/shop/web")
  }

  private func discovering(_ more: String = "") throws -> Discovering {
    try Discovering(
      """
      kind: io.l5d.serversets
      zkAddrs: [{host: localhost, port: \(server.port)}]
      sessionTimeout: 1s
      \(more)
      """)
  }

  @Test func membersAppearChangeAndVanish() async throws {
    try writer.create("/shop/web/member_1", member("10.0.0.1", 80), isEphemeral: true)
    let discovering = try discovering()
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80"]))
    let other = try ZooKeeperWriter(server.port)
    try other.create("/shop/web/member_2", member("10.0.0.2", 80), isEphemeral: true)
    #expect(await discovering.sees(name, bound: ["10.0.0.1:80", "10.0.0.2:80"]))
    try writer.set("/shop/web/member_1", member("10.0.0.1", 80, status: "STOPPING"))
    #expect(await discovering.sees(name, bound: ["10.0.0.2:80"]))
    try writer.set("/shop/web/member_1", member("10.0.0.1", 81))
    #expect(await discovering.sees(name, bound: ["10.0.0.1:81", "10.0.0.2:80"]))
    try other.close()
    #expect(await discovering.sees(name, bound: ["10.0.0.1:81"]))
    try writer.set("/shop/web/member_1", "garbage")
    let stale = await discovering.wait(name) { $0.reason.contains("no member of /shop/web makes sense") }
    #expect(stale?.has(["10.0.0.1:81"]) == true)
    #expect(discovering.service.exposition().contains(#"heddle_namer_left_out_total{namer="/#/io.l5d.serversets"} 1"#))
    try writer.delete("/shop/web/member_1")
    #expect(await discovering.wait(name) { $0.state == .negative }?.reason == "no member of /shop/web")
  }

  @Test func theLongestFrontThatIsAServersetIsTheName() async throws {
    try writer.create(
      "/shop/web/member_1",
      member("10.0.0.1", 80, more: #","additionalEndpoints":{"http":{"host":"10.0.0.1","port":81}}"#))
    let discovering = try discovering()
    let state = await discovering.want(name + "/v2/x") { $0.has(["10.0.0.1:80"]) }
    #expect(state?.residual == path("/v2/x") && state?.id == path(name))
    let http = await discovering.want(name + ":http/v2") { $0.has(["10.0.0.1:81"]) }
    #expect(http?.residual == path("/v2") && http?.id == path(name + ":http"))
    #expect(await discovering.want(name + ":grpc") { $0.state == .negative } != nil)
    #expect(await discovering.want("/#/io.l5d.serversets/none/at/all") { $0.state == .negative } != nil)
    // A longer front may turn up, and go.
    try writer.createAll("/shop/web/v2")
    try writer.create("/shop/web/v2/member_7", member("10.0.0.7", 80))
    let longer = await discovering.wait(name + "/v2/x") { $0.has(["10.0.0.7:80"]) }
    #expect(longer?.residual == path("/x"))
    try writer.delete("/shop/web/v2/member_7")
    try writer.delete("/shop/web/v2")
    #expect(await discovering.sees(name + "/v2/x", bound: ["10.0.0.1:80"]))
    try writer.createAll("/none/at/all")
    try writer.create("/none/at/all/member_1", member("10.0.0.9", 80))
    #expect(await discovering.sees("/#/io.l5d.serversets/none/at/all", bound: ["10.0.0.9:80"]))
  }

  @Test func namesMayHaveAnyCharacterThatANodeMayHave() async throws {
    try writer.createAll("/shop/weiß & schwarz")
    try writer.create("/shop/weiß & schwarz/member_ü", member("10.0.0.1", 80))
    let escaped = "weiß & schwarz".utf8.map { #"\x"# + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    let discovering = try discovering()
    #expect(await discovering.wants("/#/io.l5d.serversets/shop/" + escaped, bound: ["10.0.0.1:80"]))
    #expect(await discovering.want(#"/#/io.l5d.serversets/\x2e\x2e"#) { $0.state == .negative } != nil)
  }

  /// Servers are asked in an order of chance: names wait until one has answered or all have failed.
  @Test func oneServerOfManyIsEnough() async throws {
    try writer.create("/shop/web/member_1", member("10.0.0.1", 80))
    let nobody = try Socket.listen(on: .loopback(port: 0), reusePort: false).localAddress()?.port ?? 1
    let dead = String(repeating: "{host: 127.0.0.1, port: \(nobody)}, ", count: 5)
    let discovering = try Discovering(
      "kind: io.l5d.serversets\nzkAddrs: [\(dead){host: 127.0.0.1, port: \(server.port)}]")
    #expect(await discovering.wants(name, bound: ["10.0.0.1:80"]))
    #expect(discovering.told.all.allSatisfy { $0.state != .failed })
  }

  @Test func membersWithHostNamesAreLookedUp() async throws {
    try writer.create("/shop/web/member_1", member("localhost", 80))
    let discovering = try discovering()
    let state = await discovering.want(name) { $0.state == .bound && !$0.endpoints.isEmpty }
    #expect(state?.endpoints.first?.address.hasSuffix(":80") == true)
  }

  @Test func keepsWhatWasBoundWhileZooKeeperIsAway() async throws {
    for number in 1...50 { try writer.create("/shop/web/member_\(number)", member("10.0.0.\(number)", 80)) }
    let discovering = try discovering()
    let all = (1...50).map { "10.0.0.\($0):80" }
    #expect(await discovering.wants(name, bound: all))
    server.kill()
    let stale = await discovering.wait(name) { !$0.reason.isEmpty }
    #expect(stale?.has(all) == true)
    // A name that is new has nothing to keep.
    #expect(await discovering.want("/#/io.l5d.serversets/shop/db") { $0.state == .failed } != nil)
    try server.start()
    let fresh = try ZooKeeperWriter(server.port)
    try fresh.delete("/shop/web/member_50")
    #expect(await discovering.sees(name, bound: Array(all.dropLast())))
    #expect(await discovering.wait(name) { $0.reason.isEmpty } != nil)
    #expect(await discovering.wait("/#/io.l5d.serversets/shop/db") { $0.state == .negative } != nil)
  }

  /// Its transactions are counted from the beginning again, and it turns away whoever has seen more.
  @Test func outlivesALossOfAllData() async throws {
    for number in 1...5 { try writer.create("/shop/web/member_\(number)", member("10.0.0.\(number)", 80)) }
    let discovering = try discovering()
    #expect(await discovering.wants(name, bound: (1...5).map { "10.0.0.\($0):80" }))
    server.kill()
    try server.wipe()
    try server.start()
    let fresh = try ZooKeeperWriter(server.port)
    try fresh.createAll("/shop/web")
    try fresh.create("/shop/web/member_1", member("10.0.9.1", 80))
    #expect(await discovering.sees(name, bound: ["10.0.9.1:80"]))
  }

  @Test func readsWhatItsCredentialsAllow() async throws {
    try writer.authenticate("heddle:secret")
    try writer.create("/shop/own", isOwn: true)
    try writer.create("/shop/own/member_1", member("10.0.0.1", 80), isOwn: true)
    try writer.create("/shop/web/member_1", member("10.0.0.2", 80))
    let own = "/#/io.l5d.serversets/shop/own"
    #expect(await (try discovering("digest: 'heddle:secret'")).wants(own, bound: ["10.0.0.1:80"]))
    let stranger = try discovering()
    #expect(await stranger.want(own) { $0.state == .failed }?.reason.contains("NoAuth") == true)
    // It concerns no other name.
    #expect(await stranger.wants(name, bound: ["10.0.0.2:80"]))
  }

  @Test func manyNamesShareASession() async throws {
    for number in 1...300 {
      try writer.create("/shop/s\(number)")
      try writer.create("/shop/s\(number)/member_1", member("10.0.1.1", number))
    }
    let discovering = try discovering()
    for number in 1...300 { discovering.service.want(path("/#/io.l5d.serversets/shop/s\(number)/rest")) }
    for number in 1...300 {
      #expect(await discovering.sees("/#/io.l5d.serversets/shop/s\(number)/rest", bound: ["10.0.1.1:\(number)"]))
    }
  }
}

@Suite struct ServersetSettingsTests {
  @Test func hasDefaults() throws {
    let read = try configuration("namers: [{kind: io.l5d.serversets, zkAddrs: [{host: zk1}, {host: 10.0.0.1, port: 81}]}]")
    let settings = read.entries.first?.settings as? ServersetSettings
    #expect(settings?.servers == [.init(host: "zk1", port: 2181), .init(host: "10.0.0.1", port: 81)])
    #expect(settings?.sessionTimeout == .seconds(10) && settings?.digest == nil)
  }

  @Test(arguments: [
    "", "zkAddrs: []", "zkAddrs: [{port: 1}]", "zkAddrs: [{host: 'a b'}]", "zkAddrs: [{host: a, port: 0}]",
    "zkAddrs: [{host: a, ports: 1}]", "zkAddrs: [{host: a}], sessionTimeout: 10ms",
    "zkAddrs: [{host: a}], sessionTimeout: 10m", "zkAddrs: [{host: a}], digest: secret",
  ])
  func refusesWhatCannotBe(keys: String) {
    #expect(throws: (any Error).self) { try configuration("namers: [{kind: io.l5d.serversets\(keys.isEmpty ? "" : ", \(keys)")}]") }
  }
}
