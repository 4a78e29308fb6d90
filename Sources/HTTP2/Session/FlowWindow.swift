/// What a peer may still send us, on a stream or on the connection (RFC 9113 §5.2), and the credit that it has not been told of.
struct FlowWindow: Sendable {
  /// Bytes that may come before more credit is told.
  private(set) var left: Int
  /// Bytes that the application took and the peer has not heard of.
  private var taken = 0
  /// Bytes in flight that we want at most.
  private let size: Int

  /// A window of the size that every connection begins with (RFC 9113 §6.9.2).
  static let initialSize = 65_535
  static let largest = Int(Int32.max)

  /// A stream's.
  /// - Parameter isKnown: the peer has read our settings. Until then it goes by the initial size, and nothing up to that is held against it.
  init(stream size: Int32, isKnown: Bool) {
    self.size = Int(size)
    left = isKnown ? self.size : max(self.size, Self.initialSize)
  }

  /// The peer has read our settings, and has taken off what it believed to have above the size (RFC 9113 §6.9.2): below 0, perhaps.
  mutating func settle() { left &-= max(0, Self.initialSize &- size) }

  /// The connection's, which SETTINGS do not change.
  /// - Returns: with it the credit that is to be told at once.
  static func connection(_ size: Int32) -> (window: FlowWindow, credit: Int) {
    var window = FlowWindow(stream: size, isKnown: true)
    window.left = Self.initialSize
    let credit = max(0, Int(size) - Self.initialSize)
    window.left += credit
    return (window, credit)
  }

  /// Counts bytes that came; false when they are more than the peer may send.
  mutating func receive(_ count: Int) -> Bool {
    guard count <= max(0, left) else { return false }
    left &-= count
    return true
  }

  /// Counts bytes that the application took.
  /// - Returns: the credit to tell the peer now: half a window or more, so that small reads do not cost a frame each; else 0.
  mutating func consume(_ count: Int) -> Int {
    taken = min(taken &+ count, Self.largest - left)
    guard taken > 0, taken &* 2 >= size else { return 0 }
    defer { taken = 0 }
    left &+= taken
    return taken
  }
}
