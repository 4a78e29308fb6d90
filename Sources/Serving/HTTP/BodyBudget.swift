/// The bytes of request bodies that one server may hold at once (`ServingLimits.heldBodyBytes`).
final class BodyBudget {
  private var left: Int

  init(_ bytes: Int) { left = bytes }

  /// False when they do not fit; then nothing was taken.
  func take(_ bytes: Int) -> Bool {
    guard bytes <= left else { return false }
    left -= bytes
    return true
  }

  func giveBack(_ bytes: Int) { left += bytes }
}
