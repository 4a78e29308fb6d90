import TestSupport
import Testing

@testable import Discovery

@Suite struct ListWatchTests {
  private var random = SeededRandom(seed: 1)

  private func isWait(_ step: ListWatch.Step) -> Bool { if case .wait = step { true } else { false } }

  @Test mutating func listsThenWatchesThenGoesOn() {
    var machine = ListWatch()
    #expect(machine.next() == .list)
    #expect(machine.listed("5") == .watch(from: "5"))
    machine.heard("7")
    machine.heard(nil)
    #expect(machine.ended(hasServed: true, using: &random) == .watch(from: "7"))
    let wait = machine.broke(using: &random)
    #expect(isWait(wait))
    #expect(machine.next() == .watch(from: "7"))
  }

  @Test mutating func failuresOfTheListWaitAndListAgain() {
    var machine = ListWatch()
    for _ in 0..<5 {
      let wait = machine.listFailed(using: &random)
      #expect(isWait(wait) && machine.next() == .list)
    }
  }

  @Test mutating func aForgottenPlaceIsListedAtOnceButNotForEver() {
    var machine = ListWatch()
    _ = machine.listed("5")
    #expect(machine.forgotten(using: &random) == .list)
    _ = machine.listed("6")
    let second = machine.forgotten(using: &random)
    #expect(isWait(second) && machine.next() == .list)
    _ = machine.listed("7")
    machine.heard("8")
    #expect(machine.forgotten(using: &random) == .list)
  }

  @Test mutating func watchesThatSayNothingLeadToAList() {
    var machine = ListWatch()
    _ = machine.listed("5")
    for _ in 1..<ListWatch.barrenLimit {
      _ = machine.ended(hasServed: false, using: &random)
      #expect(machine.next() == .watch(from: "5"))
    }
    _ = machine.broke(using: &random)
    #expect(machine.next() == .list)
  }

  @Test func anIndexThatGoesBackBeginsAnew() {
    var index = BlockingIndex()
    for (answer, value) in [(5, 5), (9, 9), (9, 9), (3, 0), (3, 3), (0, 0), (4, 4)] as [(UInt64, UInt64)] {
      index.answered(answer)
      #expect(index.value == value)
    }
    index.answered(nil)
    #expect(index.value == 0)
  }
}
