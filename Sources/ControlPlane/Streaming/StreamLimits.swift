import MeshProtocol

/// What one mesh stream, and all of them together, may cost the controller.
struct StreamLimits: Sendable {
  /// Sync streams at once. Why: each holds memory. At the limit: RESOURCE_EXHAUSTED, and the proxy tries again with
  /// back-off.
  var streams = 12_000
  /// From opening a Sync stream to its Hello. Why: silent streams hold a place. At the limit: closed.
  var hello: Duration = .seconds(10)
  /// Heartbeats, both ways.
  var heartbeat: Duration = .seconds(MeshLimits.heartbeatSeconds)
  /// Silence of a proxy. Why: a host that vanished leaves TCP half open. At the limit: closed, the proxy counts as
  /// disconnected.
  var silence: Duration = .seconds(MeshLimits.silenceSeconds)
  /// From sending a revision to its answer. Why: a proxy that hangs would also miss the revision that helps it. At the
  /// limit: closed, so that it comes back and tells what it runs.
  var answer: Duration = .seconds(30)
  /// Bytes queued on one stream at which nothing more is put there. Why: what waits outside coalesces to the latest
  /// state.
  var queuedBytes = 512 << 10
  /// How long a stream may stay at `queuedBytes` without draining. Why: a stopped reader holds memory. At the limit:
  /// closed, counted.
  var stalled: Duration = .seconds(15)
  /// Bytes of snapshots per second, and at once, for all proxies together. Why: when thousands come back with nothing
  /// in hand, the steps of the others must not wait behind their snapshots. At the limit: they wait in order of
  /// arrival.
  var snapshotBytesPerSecond = 128 << 20
  var snapshotBurstBytes = 32 << 20
  /// What the smallest snapshot counts as in that budget: the work beside its bytes.
  var snapshotFloorBytes = 4 << 10
  /// Steps remembered for each namespace, and the keys in them, from which a proxy that lags gets one delta. Beyond: a
  /// snapshot.
  var rememberedSteps = 1024
  var rememberedKeys = 20_000
  /// Resource bytes of one delta, so that it stays below a message's 1 MiB. Beyond: a snapshot.
  var deltaBytes = 900 << 10
  /// Deltas kept encoded for each namespace: proxies sit on few different revisions. Beyond: encoded for each again.
  var cachedDeltas = 64
  /// Concrete names one proxy may watch. At the limit: FAILED with the reason; names in use stay.
  var subscriptions = MeshLimits.subscriptions
  /// Names watched for all proxies. At the limit: the same.
  var watchedNames = 100_000
  /// Bytes of a concrete name.
  var nameBytes = 2048
  /// Endpoint bytes of one message: a name with more is FAILED with the reason, what the proxy holds stays.
  var endpointBytes = 900 << 10
  /// Versions of one name's endpoints from which a step can be made. Beyond: full state.
  var rememberedVersions = 8
  /// Snapshots asked for with `Nack.resync` in one stream for one revision. Why: two ends that cannot agree would loop.
  /// At the limit the revision counts as refused.
  var resyncsPerRevision = 3
  /// Proxies coming back after GoAway are spread over this.
  var returnSpreadMilliseconds: UInt32 = 5000

  init() {}
}
