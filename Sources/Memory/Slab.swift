/// Elements in one run of memory, reached by `Handle`: insertion, look-up and removal take constant time, a freed slot
/// is used again, and a handle outlives growth. Elements may be non-copyable; nothing is reference-counted.
///
/// Each slot is a mark of 8 bytes followed by the element, so that checking a handle and reading the element touch one
/// cache line. Growing doubles the slots and moves the elements.
///
/// All is inlinable: as an opaque generic one access costs 5 ns instead of 0.5.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
  /// `generation` and `occupied` of a taken slot; of a free one the generation of its next tenant, and the free slot
  /// after it.
  @usableFromInline struct Mark {
    @usableFromInline var state: UInt32
    @usableFromInline var next: UInt32

    @inlinable init(state: UInt32, next: UInt32) {
      self.state = state
      self.next = next
    }
  }

  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var free: UInt32 = Slab.nowhere
  @usableFromInline var made: UInt32 = 0
  @usableFromInline var taken = 0

  @inlinable static var nowhere: UInt32 { .max }
  @inlinable static var occupied: UInt32 { 1 &<< 31 }
  @inlinable static var smallestGrowth: UInt32 { 16 }
  @inlinable static var alignment: Int { max(MemoryLayout<Element>.alignment, MemoryLayout<Mark>.alignment) }
  @inlinable static var offset: Int { roundUp(MemoryLayout<Mark>.size, MemoryLayout<Element>.alignment) }
  @inlinable static var stride: Int { roundUp(offset &+ MemoryLayout<Element>.size, alignment) }

  /// An empty slab that owns no memory.
  @inlinable public init() {
    unsafe base = UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
  }

  @inlinable deinit {
    for index in 0..<slotCount where isOccupied(index) {
      unsafe element(index).deinitialize(count: 1)
    }
    if slotCount != 0 { unsafe base.deallocate() }
  }

  /// Elements in the slab.
  @inlinable public var count: Int { taken }
  /// True when the slab is empty.
  @inlinable public var isEmpty: Bool { taken == 0 }
  /// One past the highest slot ever made: `handle(at:)` finds every element below it.
  @inlinable public var slotCount: UInt32 { made }

  /// Adds `element`, and returns the handle that reaches it until it is removed. Traps at 2³¹ elements.
  @inlinable public mutating func insert(_ element: consuming Element) -> Handle {
    if free == Slab.nowhere { grow() }
    let index = free
    free = unsafe mark(index).pointee.next
    unsafe mark(index).pointee.state |= Slab.occupied
    unsafe self.element(index).initialize(to: element)
    taken &+= 1
    return unsafe Handle(index: index, generation: mark(index).pointee.state)
  }

  /// True while the element of `handle` is in the slab.
  @inlinable public func contains(_ handle: Handle) -> Bool {
    unsafe handle.index < slotCount && mark(handle.index).pointee.state == handle.generation | Slab.occupied
  }

  /// The element of `handle`; traps when it was removed: ask `contains` first where the handle came from an event.
  @inlinable public subscript(handle: Handle) -> Element {
    _read {
      precondition(contains(handle), "stale handle")
      yield unsafe element(handle.index).pointee
    }
    _modify {
      precondition(contains(handle), "stale handle")
      yield unsafe &element(handle.index).pointee
    }
  }

  /// Removes and returns the element of `handle`; traps when it was removed before.
  @inlinable public mutating func remove(_ handle: Handle) -> Element {
    precondition(contains(handle), "stale handle")
    unsafe mark(handle.index).pointee = Mark(state: handle.successor.generation, next: free)
    free = handle.index
    taken &-= 1
    return unsafe element(handle.index).move()
  }

  /// The handle of the element in slot `index`, nil when the slot is free or was never made. With `slotCount` it walks
  /// a slab that changes meanwhile.
  @inlinable public func handle(at index: UInt32) -> Handle? {
    index < slotCount && isOccupied(index) ? unsafe Handle(index: index, generation: mark(index).pointee.state) : nil
  }

  /// Calls `body` with each element's handle, in the order of slots.
  @inlinable public func forEachHandle(_ body: (Handle) -> Void) {
    for index in 0..<slotCount {
      if let handle = handle(at: index) { body(handle) }
    }
  }

  // MARK: Slots

  @inlinable func isOccupied(_ index: UInt32) -> Bool { unsafe mark(index).pointee.state & Slab.occupied != 0 }

  @unsafe @inlinable func mark(_ index: UInt32) -> UnsafeMutablePointer<Mark> {
    unsafe (base + Int(index) &* Slab.stride).assumingMemoryBound(to: Mark.self)
  }

  @unsafe @inlinable func element(_ index: UInt32) -> UnsafeMutablePointer<Element> {
    unsafe (base + (Int(index) &* Slab.stride &+ Slab.offset)).assumingMemoryBound(to: Element.self)
  }

  @inlinable @inline(never) mutating func grow() {
    let old = slotCount
    let new = old == 0 ? Slab.smallestGrowth : old * 2
    let bigger = UnsafeMutableRawPointer.allocate(byteCount: Int(new) * Slab.stride, alignment: Slab.alignment)
    let previous = unsafe base
    for index in 0..<Int(old) {  // no slot is free here: all elements move
      let from = unsafe previous + index &* Slab.stride
      let to = unsafe bigger + index &* Slab.stride
      unsafe to.bindMemory(to: Mark.self, capacity: 1).initialize(to: from.assumingMemoryBound(to: Mark.self).pointee)
      unsafe (to + Slab.offset).bindMemory(to: Element.self, capacity: 1)
        .moveInitialize(from: (from + Slab.offset).assumingMemoryBound(to: Element.self), count: 1)
    }
    if old != 0 { unsafe previous.deallocate() }
    unsafe base = bigger
    made = new
    for index in (old..<new).reversed() {  // lowest first out: a small slab stays in few cache lines
      let slot = unsafe bigger + Int(index) &* Slab.stride
      unsafe slot.bindMemory(to: Mark.self, capacity: 1).initialize(to: Mark(state: 1, next: free))
      unsafe (slot + Slab.offset).bindMemory(to: Element.self, capacity: 1)
      free = index
    }
  }
}

/// One owner, no shared state: as movable between threads as its elements.
extension Slab: @unchecked Sendable where Element: Sendable & ~Copyable {}

/// `n` or the next multiple of `alignment`, a power of two.
@inlinable func roundUp(_ n: Int, _ alignment: Int) -> Int { (n &+ alignment &- 1) & ~(alignment &- 1) }
