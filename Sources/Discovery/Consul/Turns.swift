/// Lets at most so many of any number of questions be open at once, in turn.
///
/// Consul allows 200 connections from one address (`limits.http_max_conns_per_client`), and a blocking query holds one for
/// minutes. So when more names are watched than turns exist, questions wait briefly only (`isCrowded`) and those that hold a turn
/// are told to give it up, the oldest first.
final class Turns {
  private struct Holder {
    let id: UInt64
    /// The holder is to end its question and ask for a turn again.
    let yield: () -> Void
    var wasAsked = false
  }

  private let limit: Int
  private var holders: [Holder] = []
  private var waiting: [(id: UInt64, begin: () -> Void)] = []
  private var lastID: UInt64 = 0

  init(limit: Int) { self.limit = limit }

  /// More want a turn than can have one.
  var isCrowded: Bool { !waiting.isEmpty }
  var holderCount: Int { holders.count }

  /// Calls `begin` when it is this one's turn, at once when there is room. `yield` may be called while the turn is held.
  func take(yield: @escaping () -> Void, begin: @escaping () -> Void) -> UInt64 {
    lastID += 1
    let id = lastID
    if holders.count < limit {
      holders.append(Holder(id: id, yield: yield))
      begin()
      return id
    }
    waiting.append(
      (
        id,
        { [weak self] in
          self?.holders.append(Holder(id: id, yield: yield))
          begin()
        }
      ))
    if let oldest = holders.firstIndex(where: { !$0.wasAsked }) {
      holders[oldest].wasAsked = true
      holders[oldest].yield()
    }
    return id
  }

  /// Gives a turn back, or stops waiting for it.
  func give(_ id: UInt64) {
    if let place = holders.firstIndex(where: { $0.id == id }) {
      holders.remove(at: place)
      if !waiting.isEmpty { waiting.removeFirst().begin() }
    } else {
      waiting.removeAll { $0.id == id }
    }
  }
}
