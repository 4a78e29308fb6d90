import SwiftProtobuf

/// What is wrong with bytes that a peer called a message of the mesh stream. The peer's fault; the stream ends.
public enum MeshMessageFault: Error, Hashable, Sendable {
  /// More than `MeshLimits.message` bytes.
  case tooLarge(bytes: Int)
  /// Not Protocol Buffers of this type.
  case malformed
  /// Well formed, but none of the messages that this version knows. Ignoring it is right: a later version may send it.
  case unknown
}

/// Limits of the mesh stream that both ends keep.
public enum MeshLimits {
  /// Bytes of one message, so that neither end must hold an unbounded one. Longer ends the stream.
  public static let message = 1 << 20
  /// Bytes of resources in one snapshot part, so that parts of several streams interleave. A larger resource travels
  /// alone.
  public static let snapshotPart = 256 << 10
  /// Seconds between heartbeats, both ways.
  public static let heartbeatSeconds = 5
  /// Seconds of silence after which an end closes the stream: three heartbeats lost.
  public static let silenceSeconds = 15
  /// Concrete names one proxy may watch; at the cap a name is answered FAILED, names in use stay.
  public static let subscriptions = 4096
}

extension Heddle_Mesh_V1_ControlMessage {
  /// Reads one message from a controller.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> OneOf_Message {
    let message: Self = try readMesh(bytes)
    guard let content = message.message else { throw .unknown }
    return content
  }
}

extension Heddle_Mesh_V1_ProxyMessage {
  /// Reads one message from a proxy.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> OneOf_Message {
    let message: Self = try readMesh(bytes)
    guard let content = message.message else { throw .unknown }
    return content
  }
}

extension Heddle_Mesh_V1_MetricsReport {
  /// Reads one report from a proxy.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> Self { try readMesh(bytes) }
}

extension Heddle_Mesh_V1_SignRequest {
  /// Reads one request for a certificate from a proxy.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> Self { try readMesh(bytes) }
}

extension Heddle_Mesh_V1_SignResponse {
  /// Reads one answer to such a request.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> Self { try readMesh(bytes) }
}

extension Heddle_Mesh_V1_ReportAck {
  /// Reads one answer to a report.
  public static func decode(_ bytes: [UInt8]) throws(MeshMessageFault) -> Self { try readMesh(bytes) }
}

extension SwiftProtobuf.Message {
  /// The bytes of a message of our own making.
  public func encodedBytes() -> [UInt8] {
    do {
      return try serializedBytes()
    } catch {
      // Encoding fails for missing required fields (proto3 has none) and for messages over 2 GiB, which MeshLimits
      // rules out.
      preconditionFailure("a mesh message of our own did not encode: \(error)")
    }
  }
}

private func readMesh<M: SwiftProtobuf.Message>(_ bytes: [UInt8]) throws(MeshMessageFault) -> M {
  guard bytes.count <= MeshLimits.message else { throw .tooLarge(bytes: bytes.count) }
  do {
    return try M(serializedBytes: bytes)
  } catch {
    throw .malformed
  }
}
