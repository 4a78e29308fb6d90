/// One resource that a proxy refuses, and why. The fault of whoever wrote the resource.
public struct ResourceFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nil when not even the key reads, or when the fault is the whole revision's.
  public let identity: ResourceIdentity?
  public let message: String

  /// Characters of a message that travel; the rest is cut so that a Nack stays within one message.
  public static let messageLimit = 1000

  public init(identity: ResourceIdentity?, message: String) {
    self.identity = identity
    self.message = message.count > Self.messageLimit ? String(message.prefix(Self.messageLimit)) : message
  }

  public var wire: Heddle_Mesh_V1_ResourceError {
    var wire = Heddle_Mesh_V1_ResourceError()
    if let identity { wire.key = identity.wire }
    wire.message = message
    return wire
  }

  public var description: String {
    identity.map { "\($0): \(message)" } ?? message
  }
}
