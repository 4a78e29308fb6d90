import Memory
import Testing

@Suite struct ExclusiveCellTests {
  private final class Counter {
    let cell = ExclusiveCell(0)

    func add(_ change: (inout Int) -> Void) { change(&cell.value) }
  }

  @Test func lendsItsValueOneCallAtATime() {
    let counter = Counter()
    for _ in 0..<3 { counter.add { $0 += 1 } }
    check(counter.cell.value == 3)
  }

  @Test func aChangeWithinAChangeTraps() async {
    await #expect(processExitsWith: .failure) {
      let counter = Counter()
      counter.add { value in
        value += 1
        counter.add { $0 += 1 }
      }
    }
  }

  @Test func dropsItsValueWithItself() {
    final class Held {}
    weak var held: Held?
    do {
      let object = Held()
      held = object
      let cell = ExclusiveCell(object)
      check(cell.value === object)
    }
    check(held == nil)
  }
}
