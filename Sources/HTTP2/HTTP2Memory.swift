import CNGHTTP2

/// Memory for the sessions of one thread: pieces that one stream gives back serve the next.
///
/// Why: libnghttp2 asks for some fifteen small pieces a request and gives them back in bursts, more at once than the C library keeps
/// at hand (seven of a size), so that each way costs it a walk through its lists.
@safe public final class HTTP2Memory {
  private let pool: UnsafeMutablePointer<PiecePool>

  /// - Parameter keep: bytes that are kept at most while nobody uses them.
  public init(keep: Int = 256 << 10) {
    unsafe pool = .allocate(capacity: 1)
    unsafe pool.initialize(to: PiecePool(keep: keep))
  }

  deinit {
    unsafe pool.deinitialize(count: 1)
    unsafe pool.deallocate()
  }

  /// Bytes that nobody uses.
  public var keptBytes: Int { unsafe pool.pointee.kept }

  /// Lends the functions by which libnghttp2 takes memory; it copies them. Sessions made with them must end before this does.
  @unsafe func withFunctions<Result>(_ body: (UnsafeMutablePointer<nghttp2_mem>) -> Result) -> Result {
    var functions = unsafe nghttp2_mem(
      mem_user_data: pool,
      malloc: { size, pool in unsafe PiecePool.of(pool).pointee.take(size) },
      free: { piece, pool in unsafe PiecePool.of(pool).pointee.giveBack(piece) },
      calloc: { count, size, pool in unsafe PiecePool.of(pool).pointee.takeZeroed(count, size) },
      realloc: { piece, size, pool in unsafe PiecePool.of(pool).pointee.resize(piece, size) })
    return unsafe withUnsafeMutablePointer(to: &functions) { unsafe body($0) }
  }
}

/// Lists of free pieces by size. A piece is preceded by a header that says how large it is; a free one holds the next of its list.
@safe private struct PiecePool: ~Copyable {
  /// Sizes are multiples of this; the alignment is malloc's.
  private static let step = 64
  private static let largest = 1024
  private static let header = 16

  private let keep: Int
  private(set) var kept = 0
  private var free = unsafe [UnsafeMutableRawPointer?](repeating: nil, count: largest / step + 1)

  init(keep: Int) { self.keep = keep }

  deinit {
    for list in unsafe free.indices {
      var piece = unsafe free[list]
      while let next = unsafe piece {
        unsafe piece = next.load(as: UnsafeMutableRawPointer?.self)
        unsafe (next - Self.header).deallocate()
      }
    }
  }

  static func of(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<PiecePool> {
    unsafe user.unsafelyUnwrapped.assumingMemoryBound(to: PiecePool.self)
  }

  /// Nil where no memory could hold so much.
  mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= 0, size < Int.max / 2 else { return nil }
    let capacity = max(Self.step, (size &+ Self.step &- 1) & ~(Self.step &- 1))
    let list = capacity / Self.step
    if capacity <= Self.largest, let piece = unsafe free[list] {
      unsafe free[list] = piece.load(as: UnsafeMutableRawPointer?.self)
      kept -= capacity
      return unsafe piece
    }
    let base = UnsafeMutableRawPointer.allocate(byteCount: capacity + Self.header, alignment: Self.header)
    unsafe base.storeBytes(of: capacity, as: Int.self)
    return unsafe base + Self.header
  }

  mutating func giveBack(_ piece: UnsafeMutableRawPointer?) {
    guard let piece = unsafe piece else { return }
    let capacity = unsafe Self.capacity(of: piece)
    guard capacity <= Self.largest && kept + capacity <= keep else { return unsafe (piece - Self.header).deallocate() }
    unsafe piece.storeBytes(of: free[capacity / Self.step], as: UnsafeMutableRawPointer?.self)
    unsafe free[capacity / Self.step] = piece
    kept += capacity
  }

  mutating func takeZeroed(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
    let (bytes, overflows) = count.multipliedReportingOverflow(by: size)
    guard !overflows, let piece = unsafe take(bytes) else { return nil }
    unsafe piece.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    return unsafe piece
  }

  mutating func resize(_ piece: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
    guard let piece = unsafe piece else { return unsafe take(size) }
    let capacity = unsafe Self.capacity(of: piece)
    if size >= 0 && size <= capacity { return unsafe piece }
    guard let larger = unsafe take(size) else { return nil }
    unsafe larger.copyMemory(from: piece, byteCount: capacity)
    unsafe giveBack(piece)
    return unsafe larger
  }

  private static func capacity(of piece: UnsafeMutableRawPointer) -> Int { unsafe (piece - header).load(as: Int.self) }
}
