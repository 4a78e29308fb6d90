import SystemIO
import TestSupport
import Testing

@testable import Discovery

/// Plays the servers of one look-up.
private struct Play {
  var lookup: DNSLookup
  var random = SeededRandom(seed: 3)
  private(set) var servers: [Int] = []
  private(set) var names: [String] = []
  private(set) var transports: [Bool] = []
  private(set) var query: [UInt8] = []
  private(set) var result: Result<DNSAnswer, DNSFailure>?
  private(set) var waits = 0

  init(_ names: [String], servers: Int = 2, attempts: Int = 2) {
    lookup = DNSLookup(
      names.compactMap { HostName($0) }, .a, servers: servers, attempts: attempts, using: &random)
    note(lookup.start(using: &random))
  }

  var id: UInt16 { UInt16(query[0]) << 8 | UInt16(query[1]) }
  var isExtended: Bool { query[11] == 1 }

  mutating func receive(_ bytes: [UInt8]) { note(lookup.received(bytes, using: &random)) }
  mutating func fail() { note(lookup.failed("silent", using: &random)) }

  /// The server answers the last query so.
  mutating func answer(flags: UInt16, _ address: [UInt8]? = nil) {
    var response = ResponseBytes(id: id, flags: flags, counts: [1, address == nil ? 0 : 1, 0, 0])
    response.question(names.last ?? "", 1)
    if let address {
      response.pointer(12)
      response.record(1, address)
    }
    receive(response.bytes)
  }

  private mutating func note(_ step: DNSLookup.Step) {
    switch step {
    case .wait: waits += 1
    case .finished(let result): self.result = result
    case .send(let server, let bytes, let overTCP):
      servers.append(server)
      transports.append(overTCP)
      query = bytes
      var labels: [String] = []
      var offset = 12
      while bytes[offset] != 0 {
        labels.append(text(Array(bytes[(offset + 1)..<(offset + 1 + Int(bytes[offset]))])))
        offset += Int(bytes[offset]) + 1
      }
      names.append(labels.joined(separator: "."))
    }
  }
}

@Suite struct DNSLookupTests {
  @Test func strangersAndOldAnswersAreNotListenedTo() {
    var play = Play(["web.test"])
    play.receive([1, 2, 3])
    play.receive(aliasResponse(id: play.id &+ 1))
    var other = ResponseBytes(id: play.id, counts: [1, 0, 0, 0])
    other.question("evil.test", 1)
    play.receive(other.bytes)
    #expect(play.waits == 3 && play.result == nil)
    play.receive(aliasResponse(id: play.id))
    #expect((try? play.result?.get())?.ttl == 30)
  }

  @Test func eachServerIsAskedAsOftenAsItsAttempts() {
    var play = Play(["web.test"], servers: 3, attempts: 2)
    for _ in 0..<6 { play.fail() }
    #expect(play.servers.count == 6 && Set(play.servers) == [0, 1, 2])
    #expect(play.result == .failure(DNSFailure(description: "silent")))
  }

  @Test func aServerThatFailsIsNotTheLastWord() {
    var play = Play(["web.test"])
    play.answer(flags: 0x8182)
    play.answer(flags: 0x8180, [10, 0, 0, 1])
    #expect((try? play.result?.get())?.outcome == .records([.address("10.0.0.1")]))
  }

  @Test func whatIsCutShortIsAskedOverTCPAtTheSameServer() {
    var play = Play(["web.test"])
    play.answer(flags: 0x8380)
    #expect(play.transports == [false, true] && play.servers[0] == play.servers[1])
    play.answer(flags: 0x8180, [10, 0, 0, 1])
    #expect(play.result != nil)
  }

  @Test func aServerWithoutEDNSIsAskedWithout() {
    var play = Play(["web.test"])
    #expect(play.isExtended)
    play.answer(flags: 0x8181)
    #expect(!play.isExtended && play.servers[0] == play.servers[1])
  }

  @Test func searchDomainsAreTriedInOrder() {
    var settings = ResolverSettings(
      parsing: bytes("# x\nsearch a.test b.test\nnameserver 10.0.0.2 \nnameserver ::1\noptions ndots:2 timeout:3 attempts:9\n"))
    #expect(settings.servers.map(\.description) == ["10.0.0.2:53", "[::1]:53"])
    #expect(settings.ndots == 2 && settings.timeout == .seconds(3) && settings.attempts == 5)
    let names = settings.candidates(HostName("web.x")!, isAbsolute: false).map(\.description)
    #expect(names == ["web.x.a.test", "web.x.b.test", "web.x"])
    settings.ndots = 1
    #expect(settings.candidates(HostName("web.x")!, isAbsolute: false).map(\.description).first == "web.x")
    #expect(settings.candidates(HostName("web.x")!, isAbsolute: true).count == 1)
    var play = Play(names)
    play.answer(flags: 0x8183)
    play.answer(flags: 0x8180)
    play.answer(flags: 0x8183)
    #expect(play.names == names)
    #expect((try? play.result?.get())?.outcome == .noData)
    #expect(ResolverSettings(parsing: []).servers == [.loopback(port: 53)])
  }

  @Test func answersHoldForABoundedTime() {
    let policy = TTLPolicy()
    let found = DNSAnswer.Outcome.records([.address("10.0.0.1")])
    #expect(policy.pause(after: DNSAnswer(outcome: found, ttl: 0)) == .seconds(1))
    #expect(policy.pause(after: DNSAnswer(outcome: found, ttl: 60)) == .seconds(60))
    #expect(policy.pause(after: DNSAnswer(outcome: found, ttl: .max)) == .seconds(300))
    #expect(policy.pause(after: DNSAnswer(outcome: .noSuchName, ttl: nil)) == .seconds(5))
    #expect(policy.pause(after: DNSAnswer(outcome: .noData, ttl: 86_400)) == .seconds(30))
  }

  @Test func servicesOfTheLowestPriorityCountByWeight() {
    func service(_ priority: UInt16, _ weight: UInt16, _ host: String?, port: UInt16 = 80) -> DNSRecord.Content {
      .service(priority: priority, weight: weight, port: port, target: host.flatMap { HostName($0) })
    }
    let group = ServiceRecords([service(2, 9, "c"), service(1, 0, "b"), service(1, 5, "a"), service(1, 1, nil)])
    #expect(group.targets.map(\.hostText) == ["a", "b"] && group.targets.map(\.weight) == [5, 0.1])
    #expect(ServiceRecords([service(1, 0, "a"), service(1, 0, "b")]).targets.map(\.weight) == [1, 1])
    #expect(ServiceRecords([service(1, 1, "a", port: 0)]).targets.isEmpty)
  }

  @Test func thisMachinesFileGoesFirst() {
    let hosts = HostsFile(parsing: bytes("10.0.0.1 web web.test # x\n::5 web\nnonsense\n"))
    #expect(hosts.answer(HostName("web")!, .a)?.outcome == .records([.address("10.0.0.1")]))
    #expect(hosts.answer(HostName("web")!, .aaaa)?.outcome == .records([.address("::5")]))
    #expect(hosts.answer(HostName("web.test")!, .aaaa)?.outcome == .noData)
    #expect(hosts.answer(HostName("other")!, .a) == nil)
    #expect(hosts.answer(HostName("x.localhost")!, .a)?.outcome == .records([.address("127.0.0.1")]))
    #expect(hosts.answer(HostName("web")!, .srv) == nil)
  }
}
