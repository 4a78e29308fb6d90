import Traffic

/// A route as this worker knows it.
struct RouteUse {
  /// nil: the slot is free.
  var route: CompiledRoute?
  /// The binding of its target; -1 or another's serial: not known.
  var binding: Int32 = -1
  var serial: UInt32 = 0
  /// Series of its own answers; -1: none yet.
  var series: Int32 = -1
  /// Requests under way that it matched: they finish by it, whatever the table says meanwhile.
  var inFlight: Int32 = 0
  /// It stands in the table that the worker runs.
  var isCurrent = true
}

/// The routes that this worker has met. Requests hold indexes, so that no route's reference count is touched by two
/// threads for every request.
struct RouteUses {
  private var uses: [RouteUse] = []
  private var free: [Int32] = []
  /// By `CompiledRoute.id` in the table of `version`; -1: not met yet.
  private var byID: [Int32] = []
  private var version: UInt64 = 0

  subscript(i: Int32) -> RouteUse {
    _read { yield uses[Int(i)] }
    _modify { yield &uses[Int(i)] }
  }

  /// The use of a route of the table; nil when the table has no such route.
  mutating func find(_ id: Int32, in table: RouteTable) -> Int32? {
    guard id >= 0, Int(id) < byID.count, version == table.version else { return meet(id, in: table) }
    let known = byID[Int(id)]
    return known >= 0 ? known : meet(id, in: table)
  }

  private mutating func meet(_ id: Int32, in table: RouteTable) -> Int32? {
    guard let route = table.route(id) else { return nil }
    if version != table.version || byID.count < Int(table.idBound) {
      byID = Array(repeating: -1, count: Int(table.idBound))
      version = table.version
    }
    let i: Int32
    if let reused = free.popLast() {
      i = reused
      uses[Int(i)] = RouteUse(route: route)
    } else {
      i = Int32(truncatingIfNeeded: uses.count)
      uses.append(RouteUse(route: route))
    }
    byID[Int(id)] = i
    return i
  }

  /// A table with other routes runs. Returns the series that nobody holds any more.
  mutating func leaveTable() -> [Int32] {
    byID = []
    version = 0
    return uses.indices.compactMap { i in
      guard uses[i].route != nil else { return nil }
      uses[i].isCurrent = false
      return uses[i].inFlight == 0 ? drop(i) : nil
    }
  }

  /// A request that the route matched is over. Returns a series that nobody holds any more.
  mutating func release(_ i: Int32) -> Int32? {
    uses[Int(i)].inFlight -= 1
    guard uses[Int(i)].inFlight == 0, !uses[Int(i)].isCurrent else { return nil }
    return drop(Int(i))
  }

  private mutating func drop(_ i: Int) -> Int32? {
    let series = uses[i].series
    uses[i] = RouteUse(route: nil)
    free.append(Int32(truncatingIfNeeded: i))
    return series >= 0 ? series : nil
  }
}
