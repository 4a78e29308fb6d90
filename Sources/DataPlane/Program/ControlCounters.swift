/// What the control side counts of itself, for `/metrics`.
struct ControlCounters {
  var swapsApplied: UInt64 = 0
  var swapsRefused: UInt64 = 0
  var desyncs: UInt64 = 0
  var resyncs: UInt64 = 0
  var epochChanges: UInt64 = 0
  var connects: UInt64 = 0
  var disconnects: UInt64 = 0
  var stateWrites: UInt64 = 0
  var stateFailures: UInt64 = 0
}
