import MeshProtocol

/// What a proxy keeps on disk to start from when no controller answers: the configuration in force, and for every
/// concrete name in use its last good endpoints with their age.
struct KeptState: Sendable, Equatable {
  /// One concrete name.
  struct Name: Sendable, Equatable {
    /// An encoded, full `Endpoints` message.
    var endpoints: [UInt8]
    /// When a controller last confirmed it, in wall-clock milliseconds since 1970.
    var confirmed: Int64
  }

  /// Of another namespace it is of no use.
  var namespace: String
  var version: ConfigurationVersion
  /// The encoded resources, as the controller made them.
  var resources: [[UInt8]]
  var names: [Name]
  /// Wall-clock milliseconds of the writing.
  var savedAt: Int64
}
