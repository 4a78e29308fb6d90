import Memory
import TestSupport
import Testing

/// Counts the living, so that a test sees leaks and double frees.
private final class Census {
  var alive = 0
}

private struct Tenant: ~Copyable {
  var name: Int
  let census: Census

  init(_ name: Int, _ census: Census) {
    self.name = name
    self.census = census
    census.alive += 1
  }

  deinit { census.alive -= 1 }
}

@Suite struct SlabTests {
  @Test func noneMatchesNothing() {
    var slab = Slab<Int>()
    check(!slab.contains(.none))
    for i in 0..<100 { _ = slab.insert(i) }
    check(!slab.contains(.none))
    check(!slab.contains(Handle(index: 0, generation: 0)))
  }

  @Test func aHandleOutlivesGrowthAndDiesWithItsElement() {
    var slab = Slab<String>()
    let first = slab.insert("first")
    for i in 0..<1000 { _ = slab.insert("\(i)") }
    check(slab[first] == "first")
    slab[first] += " still"
    let removed = slab.remove(first)
    check(removed == "first still" && !slab.contains(first))
    let next = slab.insert("next")
    check(next.index == first.index && next != first && !slab.contains(first))
  }

  @Test(arguments: 0..<10 as Range<UInt64>)
  func behavesLikeADictionaryWhateverIsDone(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let census = Census()
    var model: [(handle: Handle, name: Int)] = []
    var gone: [Handle] = []
    do {
      var slab = Slab<Tenant>()
      for step in 0..<3000 {
        if model.isEmpty || random.below(100) < (step < 1500 ? 60 : 40) {
          model.append((slab.insert(Tenant(step, census)), step))
        } else {
          let (handle, name) = model.remove(at: random.below(model.count))
          let tenant = slab.remove(handle)
          check(tenant.name == name)
          gone.append(handle)
        }
        check(slab.count == model.count)
      }
      for (handle, name) in model {
        check(slab.contains(handle) && slab.handle(at: handle.index) == handle)
        let found = slab[handle].name
        check(found == name)
      }
      check(!gone.contains { slab.contains($0) })
      var seen: [Handle] = []
      slab.forEachHandle { seen.append($0) }
      check(Set(seen) == Set(model.map(\.handle)) && seen.count == model.count)
      check(census.alive == model.count)
    }
    check(census.alive == 0)
  }

  @Test func walksWhileItChanges() {
    var slab = Slab<Int>()
    for i in 0..<50 { _ = slab.insert(i) }
    for index in 0..<slab.slotCount {
      if let handle = slab.handle(at: index), slab[handle] % 2 == 0 { _ = slab.remove(handle) }
    }
    check(slab.count == 25)
    check(slab.handle(at: slab.slotCount) == nil)
  }

  @Test func generationsGoRoundWithoutZero() {
    let last = Handle(index: 5, generation: 0xff_ffff)
    check(last.successor == Handle(index: 5, generation: 1))
    check(Handle(index: 5, generation: 1).successor.generation == 2)
  }

  @Test func aTokenCarriesKindAndHandle() {
    let handle = Handle(index: 0xdead_beef, generation: 0xab_cdef)
    let token = handle.token(kind: 0xfe)
    check(Handle.kind(of: token) == 0xfe && Handle(bits: token) == handle && handle.bits == 0x00ab_cdef_dead_beef)
  }

  @Test func aStaleHandleTraps() async {
    await #expect(processExitsWith: .failure) {
      var slab = Slab<Int>()
      let handle = slab.insert(1)
      _ = slab.remove(handle)
      slab[handle] = 2
    }
    await #expect(processExitsWith: .failure) {
      var slab = Slab<Int>()
      let handle = slab.insert(1)
      _ = slab.remove(handle)
      _ = slab.remove(handle)
    }
  }
}
