import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import DataPlane

/// A machine with a clock, and what it said in words.
private struct Bench {
  var machine = ControlStreamMachine(
    identity: ProxyIdentity(
      node: "n", instance: "n-1", version: "0", namespace: "default", labels: ["a": "b"], zone: "z"))
  var now = Instant(nanoseconds: 1_000_000_000)

  mutating func open() { machine.opened(at: now) }
  mutating func pass(_ duration: Duration) {
    now = now + duration
    machine.tick(at: now)
  }

  mutating func receive(_ message: Heddle_Mesh_V1_ControlMessage.OneOf_Message) {
    var envelope = Heddle_Mesh_V1_ControlMessage()
    envelope.message = message
    machine.received(envelope.encodedBytes(), at: now, wall: 42)
  }

  /// Everything since the last time, one word group per action.
  mutating func said() throws -> [String] {
    try machine.takeActions().compactMap { action in
      switch action {
      case .trust(let bundle): "trust \(bundle.version)"
      case .learned: nil
      case .send(let bytes):
        switch try Heddle_Mesh_V1_ProxyMessage.decode(bytes) {
        case .hello(let hello): "hello \(hello.hasLast ? "\(hello.last.revision)" : "nothing")"
        case .ack(let ack): "ack \(ack.revision)"
        case .nack(let nack):
          "nack \(nack.revision) \(nack.resync ? "resync" : nack.errors.map(\.key.name).joined(separator: ","))"
        case .subscribe(let subscribe): "subscribe \(subscribe.name) \(subscribe.version)"
        case .unsubscribe(let unsubscribe): "unsubscribe \(unsubscribe.name)"
        case .heartbeat(let heartbeat): "heartbeat \(heartbeat.revision)"
        case .trustHeld(let held): "trust \(held.version)"
        }
      case .leave(let pause): "leave \(pause)"
      case .compile(let candidate): "compile \(candidate.version.revision)"
      case .publish(let set): "publish \(set.name) \(set.state) \(set.endpoints.map(\.text).joined(separator: ","))"
      case .confirmed: "confirmed"
      case .note(let note): "note \(note)"
      }
    }
  }

  func endpoints(
    _ name: String, _ addresses: [String], version: UInt64 = 1, state: Heddle_Mesh_V1_NameState = .bound
  ) -> Heddle_Mesh_V1_Endpoints {
    var message = Heddle_Mesh_V1_Endpoints()
    message.name = name
    message.version = version
    message.full = true
    message.state = state
    message.id = name
    message.residual = "/"
    var hash = SetHash.empty
    for address in addresses {
      var endpoint = Heddle_Mesh_V1_Endpoint()
      endpoint.address = address
      endpoint.weight = 1
      let bytes = endpoint.encodedBytes()
      hash.insert(SetHash(of: bytes))
      message.adds.append(.init(bytes))
    }
    message.setHash = .init(hash.bytes)
    return message
  }
}

@Suite("Control stream")
struct ControlStreamMachineTests {
  private let users = try! Path(parsing: "/#/registry/users")

  private var rules: ResourceSet {
    var set = ResourceSet()
    set.rule("r1", "/svc", "/#/registry")
    return set
  }

  @Test("Hello says at which port each application is taken for")
  func inbounds() throws {
    for count in 0...2 {
      var bench = Bench()
      bench.machine.identity.inbounds = Array([(4143, 8080), (4144, 9090)].prefix(count))
      bench.open()
      guard case .send(let bytes)? = bench.machine.takeActions().first,
        case .hello(let hello) = try Heddle_Mesh_V1_ProxyMessage.decode(bytes)
      else {
        Issue.record("no Hello")
        continue
      }
      let said = (hello.hasInbound ? [hello.inbound] : []) + hello.moreInbounds
      #expect(said.map { "\($0.port) \($0.applications)" } == ["4143 [8080]", "4144 [9090]"].prefix(count).map { $0 })
    }
  }

  @Test("Hello, snapshot, compile, and Ack only after it is applied; the next Hello tells what is held")
  func apply() throws {
    var bench = Bench()
    bench.open()
    #expect(try bench.said() == ["hello nothing"])
    bench.receive(.snapshot(rules.snapshot(3)))
    #expect(try bench.said() == ["compile 3"])
    #expect(!bench.machine.mayOpen)
    bench.machine.applied(at: bench.now)
    #expect(try bench.said() == ["ack 3"])
    bench.machine.closed()
    bench.open()
    #expect(try bench.said() == ["hello 3"])
    var current = Heddle_Mesh_V1_Current()
    current.version = rules.version(3).wire
    bench.receive(.current(current))
    #expect(try bench.said() == ["confirmed"])
  }

  @Test("Item 103, 104: a revision with bad resources is refused whole, naming each, and what is held stays")
  func badResources() throws {
    var bench = Bench()
    bench.open()
    bench.receive(.snapshot(rules.snapshot(1)))
    bench.machine.applied(at: bench.now)
    _ = try bench.said()
    var set = rules
    for i in 0..<99 { set.rule("good\(i)", "/svc/\(i)", "/#/registry/x") }
    set.rule("bad", "/svc", "no path")
    bench.receive(.snapshot(set.snapshot(2)))
    let said = try bench.said()
    #expect(said.last == "nack 2 bad")
    #expect(said.count == 2)
    #expect(said.first?.hasPrefix("note refused(revision: 2") == true)
    #expect(bench.machine.replica.held?.revision == 1)
    #expect(bench.machine.isOpen)
  }

  @Test("A candidate that does not compile is refused with the compiler's faults")
  func refusedByCompiler() throws {
    var bench = Bench()
    bench.open()
    bench.receive(.snapshot(rules.snapshot(1)))
    _ = try bench.said()
    let identity = ResourceIdentity(kind: .split, name: "s")
    bench.machine.refused([ResourceFault(identity: identity, message: "clash")], at: bench.now)
    #expect(try bench.said().last == "nack 1 s")
    #expect(bench.machine.replica.held == nil)
  }

  @Test("Item 102: an older revision of the same epoch is refused; a new epoch is taken and alarmed")
  func epochs() throws {
    var bench = Bench()
    bench.open()
    bench.receive(.snapshot(rules.snapshot(9)))
    bench.machine.applied(at: bench.now)
    _ = try bench.said()
    bench.receive(.snapshot(rules.snapshot(4)))
    #expect(try bench.said().last == "nack 4 ")
    #expect(bench.machine.replica.held?.revision == 9)
    bench.receive(.snapshot(rules.snapshot(4, epoch: 8)))
    #expect(try bench.said() == ["note epochChanged(revision: 4)", "compile 4"])
  }

  @Test("Heartbeats every 5 s, and 15 s of silence end the stream")
  func heartbeats() throws {
    var bench = Bench()
    bench.open()
    _ = try bench.said()
    for _ in 0..<4 { bench.pass(.seconds(1)) }
    #expect(try bench.said().isEmpty)
    bench.pass(.seconds(1))
    #expect(try bench.said() == ["heartbeat 0"])
    bench.receive(.heartbeat(.init()))
    for _ in 0..<14 { bench.pass(.seconds(1)) }
    #expect(try bench.said() == ["heartbeat 0", "heartbeat 0"])
    bench.pass(.seconds(1))
    #expect(try bench.said() == ["note silence", "leave 0.0 seconds"])
    #expect(!bench.machine.isOpen)
  }

  @Test("Names: subscribed when first wanted, published when answered, unsubscribed a while after the last release")
  func names() throws {
    var bench = Bench()
    bench.open()
    _ = try bench.said()
    bench.machine.want(users, holder: 0, at: bench.now)
    #expect(try bench.said() == ["subscribe /#/registry/users 0"])
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", ["127.0.0.1:1"])))
    #expect(try bench.said() == ["publish /#/registry/users bound 127.0.0.1:1"])
    bench.machine.want(users, holder: 1, at: bench.now)
    #expect(try bench.said() == ["publish /#/registry/users bound 127.0.0.1:1"])
    bench.machine.release(users, holder: 0, at: bench.now)
    bench.machine.release(users, holder: 1, at: bench.now)
    bench.machine.release(users, holder: 1, at: bench.now)
    for _ in 0..<59 {
      bench.receive(.heartbeat(.init()))
      bench.pass(.seconds(1))
    }
    #expect(try !bench.said().contains("unsubscribe /#/registry/users"))
    bench.receive(.heartbeat(.init()))
    bench.pass(.seconds(1))
    #expect(try bench.said().contains("unsubscribe /#/registry/users"))
    #expect(bench.machine.names.isEmpty)
  }

  @Test("While the controller is away names stay, and are asked for anew with what is held")
  func away() throws {
    var bench = Bench()
    bench.open()
    bench.machine.want(users, holder: 0, at: bench.now)
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", ["127.0.0.1:1"], version: 5)))
    bench.machine.release(users, holder: 0, at: bench.now)
    bench.machine.closed()
    for _ in 0..<1000 { bench.pass(.seconds(1)) }
    #expect(bench.machine.names.count == 1)
    _ = try bench.said()
    bench.machine.want(users, holder: 0, at: bench.now)
    #expect(try bench.said() == ["publish /#/registry/users bound 127.0.0.1:1"])
    bench.open()
    #expect(try bench.said() == ["hello nothing", "subscribe /#/registry/users 5"])
  }

  @Test("Pending and failed never replace bound; negative does")
  func states() throws {
    var bench = Bench()
    bench.open()
    bench.machine.want(users, holder: 0, at: bench.now)
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", ["127.0.0.1:1"])))
    _ = try bench.said()
    for state in [Heddle_Mesh_V1_NameState.pending, .failed] {
      bench.receive(.endpoints(bench.endpoints("/#/registry/users", [], version: 2, state: state)))
    }
    #expect(try bench.said().isEmpty)
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", [], version: 3, state: .negative)))
    #expect(try bench.said() == ["publish /#/registry/users negative "])
  }

  @Test("A wrong hash asks for the whole state, a few times, and keeps what is bound")
  func desync() throws {
    var bench = Bench()
    bench.open()
    bench.machine.want(users, holder: 0, at: bench.now)
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", ["127.0.0.1:1"])))
    _ = try bench.said()
    var wrong = bench.endpoints("/#/registry/users", ["127.0.0.1:2"], version: 2)
    wrong.setHash = .init(Array(repeating: 9, count: 16))
    bench.receive(.endpoints(wrong))
    #expect(
      try bench.said() == [
        "note desync(name: \"/#/registry/users\", gap: MeshProtocol.EndpointGap.hash)", "subscribe /#/registry/users 0",
      ])
    for _ in 0..<20 { bench.receive(.endpoints(wrong)) }
    let subscribes = try bench.said().filter { $0.hasPrefix("subscribe") }.count
    #expect(subscribes == ControlStreamMachine.gapsInARow - 2)
    #expect(bench.machine.names[users]?.replica.endpoints.keys.sorted() == ["127.0.0.1:1"])
    bench.machine.closed()
    bench.open()
    #expect(try bench.said().contains("subscribe /#/registry/users 1"))
  }

  @Test("Endpoints without usable address or weight are left out and noted")
  func unusable() throws {
    var bench = Bench()
    bench.open()
    bench.machine.want(users, holder: 0, at: bench.now)
    bench.receive(.endpoints(bench.endpoints("/#/registry/users", ["127.0.0.1:1", "not an address"])))
    #expect(
      try bench.said().suffix(2) == [
        "note unusableEndpoints(name: \"/#/registry/users\", count: 1)", "publish /#/registry/users bound 127.0.0.1:1",
      ])
  }

  @Test("The 4097th name is answered failed; an unheld one makes room")
  func tooMany() throws {
    var bench = Bench()
    bench.open()
    for i in 0..<MeshLimits.subscriptions {
      bench.machine.want(try Path(parsing: "/#/registry/n\(i)"), holder: 0, at: bench.now)
    }
    _ = try bench.said()
    bench.machine.want(users, holder: 0, at: bench.now)
    #expect(try bench.said() == ["note tooManyNames", "publish /#/registry/users failed "])
    bench.machine.release(try Path(parsing: "/#/registry/n7"), holder: 0, at: bench.now)
    bench.machine.want(users, holder: 0, at: bench.now)
    #expect(try bench.said() == ["unsubscribe /#/registry/n7", "subscribe /#/registry/users 0"])
  }

  @Test("GoAway leaves with the controller's pause; bytes that are no message leave too; unknown messages do not")
  func leaving() throws {
    var bench = Bench()
    bench.open()
    _ = try bench.said()
    bench.machine.received([], at: bench.now, wall: 0)
    #expect(try bench.said().isEmpty)
    var goAway = Heddle_Mesh_V1_GoAway()
    goAway.reason = "moving"
    goAway.retryAfterMs = 1500
    bench.receive(.goAway(goAway))
    #expect(try bench.said() == ["note goAway(reason: \"moving\")", "leave 1.5 seconds"])
    bench.open()
    _ = try bench.said()
    bench.machine.received([0xff, 0xff, 0xff], at: bench.now, wall: 0)
    #expect(try bench.said() == ["note malformed", "leave 0.0 seconds"])
    bench.receive(.snapshot(rules.snapshot(1)))
    #expect(try bench.said().isEmpty)
  }

  @Test("Seeded garbage never traps")
  func garbage() throws {
    var bench = Bench()
    var state: UInt64 = 99
    let seeds = [
      bench.endpoints("/#/registry/users", ["127.0.0.1:1"]).encodedBytes(), rules.snapshot(1).encodedBytes(),
    ]
    for round in 0..<4000 {
      if !bench.machine.isOpen { bench.open() }
      bench.machine.want(users, holder: 0, at: bench.now)
      var envelope = Heddle_Mesh_V1_ControlMessage()
      if round % 2 == 0 {
        envelope.endpoints = try .init(serializedBytes: seeds[0])
      } else {
        envelope.snapshot = try .init(serializedBytes: seeds[1])
      }
      var bytes = envelope.encodedBytes()
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      bench.machine.received(bytes, at: bench.now, wall: 0)
      if case .compile? = bench.machine.takeActions().last(where: { if case .compile = $0 { true } else { false } }) {
        bench.machine.refused([], at: bench.now)
      }
    }
    #expect(bench.machine.names.count == 1)
  }
}

@Suite("Table swap")
struct TableSwapTests {
  private func table(_ generation: UInt64) -> RoutingTable { RoutingTable(generation: generation, rules: .init()) }
  private let now = Instant(nanoseconds: 1)

  @Test("Nothing to wait for: the order goes out at once, and it is applied after the last worker")
  func immediate() {
    var swap = TableSwap(workers: 2)
    #expect(swap.begin(table(2), missing: [], at: now) != nil)
    #expect(swap.running(worker: 0, generation: 2) == nil)
    #expect(swap.running(worker: 0, generation: 2) == nil)
    #expect(swap.running(worker: 1, generation: 1) == nil)
    #expect(!swap.isIdle)
    #expect(swap.running(worker: 1, generation: 2)?.generation == 2)
    #expect(swap.isIdle)
  }

  @Test("Names are waited for, until the last is answered or patience ends")
  func waiting() throws {
    let (a, b) = (try Path(parsing: "/#/registry/a"), try Path(parsing: "/#/registry/b"))
    var swap = TableSwap(workers: 1)
    #expect(swap.begin(table(2), missing: [a, b], at: now) == nil)
    #expect(swap.answered(a) == nil)
    #expect(swap.answered(a) == nil)
    #expect(swap.answered(b)?.generation == 2)
    #expect(swap.answered(b) == nil)
    _ = swap.running(worker: 0, generation: 2)
    #expect(swap.begin(table(3), missing: [a], at: now) == nil)
    #expect(swap.tick(at: now + .milliseconds(249)) == nil)
    #expect(swap.tick(at: now + .milliseconds(250))?.generation == 3)
  }
}

@Suite("Reconnect schedule")
struct ReconnectScheduleTests {
  @Test("First at once, then full jitter up to 100 ms, 200 ms, … 10 s, over all controllers in turn")
  func jitter() {
    var random = SeededRandom(seed: 3)
    var schedule = ReconnectSchedule(controllers: 3, using: &random)
    let first = schedule.attempt(using: &random)
    #expect(first.pause == .zero)
    var longest = Duration.zero
    var seen: Set<Int> = [first.controller]
    var bound = Duration.milliseconds(100)
    for _ in 0..<200 {
      let attempt = schedule.attempt(using: &random)
      #expect(attempt.pause >= .zero && attempt.pause <= bound)
      bound = min(.seconds(10), bound * 2)
      longest = max(longest, attempt.pause)
      seen.insert(attempt.controller)
    }
    #expect(seen == [0, 1, 2])
    #expect(longest > .seconds(8))
    schedule.succeeded()
    #expect(schedule.attempt(using: &random).pause <= .milliseconds(100))
  }

  @Test("A controller's wish is honoured, within reason")
  func wish() {
    var random = SeededRandom(seed: 4)
    var schedule = ReconnectSchedule(controllers: 1, using: &random)
    _ = schedule.attempt(using: &random)
    schedule.asked(toWait: .seconds(5))
    #expect(schedule.attempt(using: &random).pause >= .seconds(5))
    schedule.asked(toWait: .seconds(86_400))
    #expect(schedule.attempt(using: &random).pause <= .seconds(70))
    #expect(schedule.attempt(using: &random).pause <= .seconds(10))
  }
}
