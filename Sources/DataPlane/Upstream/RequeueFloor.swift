/// How many re-sends a second of one concrete name are allowed whatever the requests. The floor is the fleet's: the controller tells
/// each proxy its share, and a proxy splits that between its workers.
struct RequeueFloor: Equatable {
  /// Of the whole fleet, a second.
  static let fleet = 10.0
  /// However small the share, each worker may send again once within a budget's window of 10 s: after a restart of a service the
  /// first request finds only closed connections, and in a large fleet nothing else would allow it to be sent again.
  static let least = 0.1

  /// From 0 to 1. All of it, until a controller says otherwise; then the last share told, also while no controller is there.
  private(set) var share = 1.0

  /// Takes over what a controller told. Returns whether it is another share; 0 (not told) and nonsense are not.
  mutating func told(_ share: Double) -> Bool {
    guard share > 0, share <= 1, share != self.share else { return false }
    self.share = share
    return true
  }

  /// One worker's part, a second, of what the fleet may do.
  static func ofWorker(_ fleet: Double = RequeueFloor.fleet, share: Double, workers: Int) -> Double {
    fleet > 0 ? max(least, fleet * share / Double(max(1, workers))) : 0
  }
}
