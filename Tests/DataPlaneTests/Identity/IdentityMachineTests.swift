import TestSupport
import Testing

@testable import DataPlane

@Suite("The life of an identity") struct IdentityMachineTests {
  private var random = SeededRandom(seed: 7)
  private let life = CertificateLife(notBefore: 1000, notAfter: 2000)

  private func machine(
    _ life: CertificateLife?, canJoin: Bool = true, grace: Int64 = 100, at now: Int64
  ) -> IdentityMachine {
    var random = random
    return IdentityMachine(life: life, canJoin: canJoin, outageGrace: grace, at: now, using: &random)
  }

  @Test("Without a certificate and a token there is nothing to wish for")
  func nothing() {
    var machine = machine(nil, canJoin: false, at: 1000)
    machine.tick(at: 1_000_000)
    #expect(machine.state == .none && machine.wish(at: 1_000_000) == .nothing)
    let isRenewing = machine.renewNow(at: 1000)
    #expect(!isRenewing)
    #expect(!machine.isAlarming(at: 1_000_000))
  }

  @Test("It joins at once, once at a time, and holds what came")
  mutating func joins() {
    var machine = machine(nil, at: 1000)
    #expect(machine.wish(at: 1000) == .join)
    machine.asked(at: 1000)
    #expect(machine.wish(at: 5000) == .nothing)
    #expect(!machine.isOverdue(at: 1029) && machine.isOverdue(at: 1030))
    machine.signed(life, at: 1000, using: &random)
    #expect(machine.holding?.life == life)
    #expect(machine.wish(at: 1000) == .nothing)
  }

  @Test("Renews at 60 to 70 % of the life that is left when the certificate comes, and not all at one moment")
  mutating func jitter() throws {
    var times: Set<Int64> = []
    for _ in 0..<500 {
      var machine = machine(nil, at: 1300)
      machine.signed(life, at: 1300, using: &random)  // back-dated by 300 s
      let renewAt = try #require(machine.holding?.renewAt)
      #expect((1720...1790).contains(renewAt))
      times.insert(renewAt)
    }
    #expect(times.count > 30)
  }

  @Test("A certificate from disk is renewed by its whole life")
  func fromDisk() throws {
    var machine = machine(life, at: 1100)
    let renewAt = try #require(machine.holding?.renewAt)
    #expect((1600...1700).contains(renewAt))
    machine.tick(at: renewAt - 1)
    #expect(machine.wish(at: renewAt - 1) == .nothing)
    machine.tick(at: renewAt)
    #expect(machine.wish(at: renewAt) == .renew)
  }

  @Test("One that has ended is used and renewed within the grace, and after it joined anew, if there is a token")
  func expired() {
    var machine = machine(life, at: 2050)
    #expect(machine.wish(at: 2050) == .renew)
    #expect(machine.isAlarming(at: 2050))
    machine.tick(at: 2100)
    #expect(machine.wish(at: 2100) == .renew)
    machine.tick(at: 2101)
    #expect(machine.wish(at: 2101) == .join)
    #expect(machine.holding?.life == life && machine.isAlarming(at: 2101))
    var tokenless = self.machine(life, canJoin: false, at: 5000)
    tokenless.tick(at: 5000)
    #expect(tokenless.wish(at: 5000) == .renew)
  }

  @Test("Failures wait longer and longer, up to a minute; a lost connection waits for nothing of its own")
  mutating func backOff() throws {
    var machine = machine(nil, at: 0)
    var now: Int64 = 0
    var longest: Int64 = 0
    for round in 1...40 {
      try #require(machine.wish(at: now) == .join)
      machine.asked(at: now)
      machine.failed("round \(round)", at: now, using: &random)
      #expect(machine.failure == "round \(round)")
      #expect(machine.wish(at: now) == .nothing)
      var pause: Int64 = 0
      while machine.wish(at: now + pause) == .nothing { pause += 1 }
      #expect(pause <= min(60, 1 << Int64(min(round, 10))))
      longest = max(longest, pause)
      now += pause
    }
    #expect(longest > 30)
    machine.asked(at: now)
    machine.interrupted("gone")
    #expect(!machine.isOverdue(at: now + 1000))
    #expect(machine.wish(at: now) == .join && machine.failure == "gone")
  }

  @Test("Half of the time between the renewal and the end is over without one: an alarm, until one comes")
  mutating func alarm() throws {
    var machine = machine(life, at: 1000)
    let holding = try #require(machine.holding)
    machine.tick(at: holding.renewAt)
    machine.asked(at: holding.renewAt)
    machine.failed("no", at: holding.renewAt, using: &random)
    #expect(!machine.isAlarming(at: holding.alarmAt - 1))
    #expect(machine.isAlarming(at: holding.alarmAt))
    #expect(holding.alarmAt < life.notAfter && holding.alarmAt > holding.renewAt)
    machine.signed(CertificateLife(notBefore: 1800, notAfter: 2800), at: 1900, using: &random)
    #expect(!machine.isAlarming(at: 1900) && machine.failure.isEmpty)
  }

  @Test("Someone may ask for a renewal before its time")
  func atOnce() {
    var machine = machine(life, at: 1000)
    #expect(machine.wish(at: 1001) == .nothing)
    let isRenewing = machine.renewNow(at: 1001)
    #expect(isRenewing)
    #expect(machine.wish(at: 1001) == .renew)
  }

  @Test("A clock that jumps, a life without length: no trap, and a certificate is held in the end")
  mutating func oddTimes() {
    for (notBefore, notAfter) in [(Int64(0), Int64(0)), (2000, 1000), (.min / 2, .max / 2), (1000, 1001)] {
      let odd = CertificateLife(notBefore: notBefore, notAfter: notAfter)
      for now in [Int64(0), 1000, 1 << 40] {
        var machine = machine(nil, at: now)
        machine.signed(odd, at: now, using: &random)
        machine.tick(at: 1 << 41)
        machine.tick(at: 0)
        machine.failed("x", at: 0, using: &random)
        #expect(machine.holding?.life == odd)
      }
    }
  }
}
