import Memory

extension ByteTable {
  /// A table with these keys, which configuration gives. A seed by which it refuses a key (`ByteTable.probeLimit`) is
  /// not used.
  static func holding(_ entries: [[UInt8]: Int32]) -> ByteTable {
    var seed: UInt64 = 0
    while true {
      var table = ByteTable(seed: seed)
      if entries.allSatisfy({ key, value in table.insert(key.span, value) }) { return table }
      seed &+= 1
    }
  }
}
