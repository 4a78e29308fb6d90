/// A growable first-in, first-out run of bytes in one allocation: bytes are appended at the end and taken from the
/// front.
///
/// `[0 ..< head)` has been taken, `[head ..< tail)` is readable, `[tail ..< capacity)` is writable. Taking from the
/// front only moves `head`; bytes are moved by `reserve` alone, and only when the move is paid for by bytes taken since
/// the last one, so every operation costs amortised O(bytes given to it). A buffer without storage costs 32 bytes: an
/// idle connection keeps none.
@safe public struct ByteBuffer: ~Copyable {
  /// Smallest storage that growing allocates, in bytes. Why: less would mean several growths for one short head.
  public static let smallestGrowth = 256

  /// Never dereferenced while `capacity` is 0; then it is a placeholder, which saves a test on each access.
  private var base: UnsafeMutablePointer<UInt8>
  private var head = 0
  private var tail = 0
  /// Bytes of storage; 0 when the buffer owns none.
  public private(set) var capacity: Int

  /// An empty buffer that owns no storage.
  public init() {
    unsafe base = placeholder
    capacity = 0
  }

  /// An empty buffer with storage for `capacity` bytes, at least 0.
  public init(capacity: Int) {
    precondition(capacity >= 0)
    unsafe base = capacity == 0 ? placeholder : .allocate(capacity: capacity)
    self.capacity = capacity
  }

  /// Takes over `storage`, which `allocate(capacity:)` made with room for `capacity` bytes.
  @unsafe init(adopting storage: UnsafeMutablePointer<UInt8>, capacity: Int) {
    unsafe base = storage
    self.capacity = capacity
  }

  deinit {
    if capacity != 0 { unsafe base.deallocate() }
  }

  /// Readable bytes.
  public var count: Int { tail &- head }
  /// True when nothing is readable.
  public var isEmpty: Bool { head == tail }
  /// Bytes that can be appended without moving or growing.
  public var writableCount: Int { capacity &- tail }
  /// True when the buffer owns memory.
  public var hasStorage: Bool { capacity != 0 }

  /// The readable bytes. Offsets into it stay right until bytes are taken from the front.
  public var span: Span<UInt8> {
    @_lifetime(borrow self) borrowing get {
      unsafe _overrideLifetime(Span(_unsafeStart: UnsafePointer(base + head), count: tail &- head), borrowing: self)
    }
  }

  /// Takes `n` bytes from the front, 0 … `count`.
  public mutating func removeFirst(_ n: Int) {
    precondition(n >= 0 && n <= tail &- head, "more bytes taken than there are")
    head &+= n
    if head == tail { head = 0; tail = 0 }
  }

  /// Takes back the `n` bytes appended last, 0 … `count`.
  public mutating func removeLast(_ n: Int) {
    precondition(n >= 0 && n <= tail &- head, "more bytes taken than there are")
    tail &-= n
    if head == tail { head = 0; tail = 0 }
  }

  /// Forgets all bytes and keeps the storage.
  public mutating func removeAll() {
    head = 0
    tail = 0
  }

  /// Forgets all bytes and frees the storage.
  public mutating func release() {
    if capacity != 0 { unsafe base.deallocate() }
    unsafe base = placeholder
    capacity = 0
    removeAll()
  }

  /// Replaces the readable byte at `offset`, 0 ..< `count`.
  public mutating func overwrite(at offset: Int, with byte: UInt8) {
    precondition(offset >= 0 && offset < tail &- head, "no such byte")
    unsafe base[head &+ offset] = byte
  }

  /// Makes at least `n` bytes writable: by moving the readable bytes to the front when they are no more than the bytes
  /// taken before them, else by growing to twice the storage or what is needed, whichever is more. Traps when memory
  /// would overflow `Int`.
  public mutating func reserve(_ n: Int) {
    precondition(n >= 0)
    if capacity &- tail < n { makeRoom(n) }
  }

  /// Kept out of line so that `reserve` and `append` stay small where they are inlined.
  @inline(never) private mutating func makeRoom(_ n: Int) {
    let used = tail &- head
    if capacity &- used >= n && used <= head {
      unsafe base.update(from: base + head, count: used)
    } else {
      let (doubled, overflow) = capacity.multipliedReportingOverflow(by: 2)
      move(to: max(used + n, overflow ? capacity : doubled, Self.smallestGrowth))
    }
    head = 0
    tail = used
  }

  private mutating func move(to newCapacity: Int) {
    let storage = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
    unsafe storage.update(from: base + head, count: tail &- head)
    if capacity != 0 { unsafe base.deallocate() }
    unsafe base = storage
    capacity = newCapacity
  }

  /// Gives up the storage; the buffer must be empty and have some.
  @unsafe mutating func disown() -> UnsafeMutablePointer<UInt8> {
    precondition(isEmpty && capacity != 0)
    let storage = unsafe base
    unsafe base = placeholder
    capacity = 0
    removeAll()
    return unsafe storage
  }

  // MARK: Raw access, for the modules that talk to the kernel and to C

  /// Where the first readable byte is; valid for `count` bytes until the next mutation.
  @unsafe public var unsafeHead: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(base + head) }
  /// Where the first writable byte is; valid for `writableCount` bytes until the next mutation.
  @unsafe public var unsafeTail: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(base + tail) }
  /// Makes `n` bytes readable that the caller wrote at `unsafeTail`, 0 … `writableCount`.
  @unsafe public mutating func unsafeCommit(_ n: Int) {
    precondition(n >= 0 && n <= capacity &- tail, "more bytes written than there is room")
    tail &+= n
  }
}

/// One owner, no shared state: a buffer may move to another thread as a whole.
extension ByteBuffer: @unchecked Sendable {}

/// Stands for "no storage": not nil, so that spans over an empty buffer need no test; never read.
private var placeholder: UnsafeMutablePointer<UInt8> {
  unsafe UnsafeMutablePointer(bitPattern: 16).unsafelyUnwrapped
}
