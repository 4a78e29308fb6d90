/// What becomes of one resource: it comes (`old` is nil), goes (`new` is nil), or is another one.
public struct ResourceChange: Sendable {
  public let old: ReplicatedResource?
  public let new: ReplicatedResource?

  public init(old: ReplicatedResource?, new: ReplicatedResource?) {
    self.old = old
    self.new = new
  }
}

/// A configuration that arrived whole, whose hash fits and whose every resource reads. Not in force until the proxy
/// says so.
public struct ConfigurationCandidate: Sendable {
  public let version: ConfigurationVersion
  /// Whether it came as a snapshot and not as a step.
  public let isWhole: Bool
  /// What differs from what is held; resources that came again unchanged are not listed.
  public let changes: [ResourceChange]
  /// Bytes of all resources that come, go or are replaced.
  public var changedBytes: Int {
    changes.reduce(0) { $0 + ($1.old?.bytes.count ?? 0) + ($1.new?.bytes.count ?? 0) }
  }
  /// The configuration belongs to another history than the one held: worth an alarm.
  public let changesEpoch: Bool
}

/// Why a configuration message did not fit on what is held.
public enum ConfigurationGap: Error, Hashable, Sendable {
  /// A snapshot part is missing, repeated or of another version than the part before.
  case partOrder
  /// The step does not start from what is held.
  case base
  /// The hash after the step is not the promised one, or not 16 bytes.
  case hash
  /// `Current` names another version than the one held.
  case notCurrent
}

/// What the controller did that the protocol does not allow. The stream ends; the proxy keeps what it has and
/// reconnects.
public enum ConfigurationBreach: Error, Hashable, Sendable {
  /// Another configuration came before the last one was answered.
  case unanswered
  /// More resources or bytes than `ReplicaLimits` allows.
  case tooLarge
  /// `ReplicaLimits.resyncsInARow` resyncs did not help: the ends cannot agree on a hash.
  case cannotAgree
}

/// What to do with a configuration message.
public enum ConfigurationStep: Sendable {
  /// A part of a snapshot; more will come.
  case more
  /// What is held is current.
  case current(ConfigurationVersion)
  /// Compile and swap, then call `applied()` or `refused(_:)`.
  case apply(ConfigurationCandidate)
  /// Send this: the content is refused whole, what is held stays.
  case refuse(Heddle_Mesh_V1_Nack)
  /// Send this: something was lost on the way, a snapshot is asked for.
  case resync(Heddle_Mesh_V1_Nack, ConfigurationGap)
  /// End the stream.
  case breach(ConfigurationBreach)
}

/// What a proxy takes from a controller before it calls it broken.
public struct ReplicaLimits: Sendable {
  /// Resources in a configuration: ten times the largest size we measure.
  public var resources = 1_000_000
  /// Bytes of all resources: a proxy is small, and its host has other work.
  public var bytes = 256 << 20
  /// Errors listed in a Nack, so that it stays within one message; the rest are counted in the last line.
  public var listedErrors = 100
  /// Resyncs without a configuration that fits, until the stream is given up and reconnected with back-off.
  public var resyncsInARow = 3

  public init() {}
}
