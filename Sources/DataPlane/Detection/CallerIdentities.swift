/// The identities of the mesh that callers of this worker had, by number: connections and streams carry the number.
struct CallerIdentities {
  /// Remembered at most; a further one has no number, and its caller is one of the mesh that no rule can name. 65 536.
  static let limit = 65_536

  private var texts: [String] = []
  private var places: [String: Int32] = [:]

  /// The SPIFFE ID of this number; nil for -1.
  subscript(i: Int32) -> String? { i >= 0 ? texts[Int(i)] : nil }

  /// -1 when there is no room.
  mutating func index(of identity: String) -> Int32 {
    if let known = places[identity] { return known }
    guard texts.count < Self.limit else { return -1 }
    let i = Int32(truncatingIfNeeded: texts.count)
    texts.append(identity)
    places[identity] = i
    return i
  }
}
