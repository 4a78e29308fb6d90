/// A value that one call at a time changes, wherever the cell is reached from: what a class keeps its state in.
///
/// A stored property of a class is checked for overlapping accesses too, by two calls into the runtime and a list per thread, some 120
/// instructions each time. This check is one flag, which is enough for what never leaves its thread: the cell is not `Sendable`.
@safe public struct ExclusiveCell<Value: ~Copyable>: ~Copyable {
  @usableFromInline struct Content: ~Copyable {
    @usableFromInline var isHeld = false
    @usableFromInline var value: Value

    @inlinable init(_ value: consuming Value) { self.value = value }
  }

  @usableFromInline let content: UnsafeMutablePointer<Content>

  @inlinable public init(_ value: consuming Value) {
    unsafe content = .allocate(capacity: 1)
    unsafe content.initialize(to: Content(value))
  }

  @inlinable deinit {
    unsafe content.deinitialize(count: 1)
    unsafe content.deallocate()
  }

  /// The value, for one expression. Traps while it is lent already: a change must not see another half done.
  @inlinable public var value: Value {
    _read {
      hold()
      defer { unsafe content.pointee.isHeld = false }
      yield unsafe content.pointee.value
    }
    nonmutating _modify {
      hold()
      defer { unsafe content.pointee.isHeld = false }
      yield unsafe &content.pointee.value
    }
  }

  @inlinable func hold() {
    precondition(unsafe !content.pointee.isHeld, "the value is in use")
    unsafe content.pointee.isHeld = true
  }
}
