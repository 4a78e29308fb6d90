/// A resource as it came and as it reads.
public struct ReplicatedResource: Sendable {
  /// The encoded `Resource`, as the controller made it: what is hashed and what is kept on disk.
  public let bytes: [UInt8]
  /// Of `bytes`.
  public let hash: SetHash
  public let resource: ConfigurationResource
}

/// A configuration that arrived whole, whose hash fits and whose every resource reads. Not in force until the proxy
/// says so.
public struct ConfigurationCandidate: Sendable {
  public let version: ConfigurationVersion
  /// True: `upserts` are all there is, what is held and not among them goes.
  public let isWhole: Bool
  /// New and changed resources. A whole candidate lists unchanged ones too.
  public let upserts: [ReplicatedResource]
  /// Resources to drop. Some may not be held.
  public let removes: [ResourceIdentity]
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
