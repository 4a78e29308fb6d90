import HTTP
import Memory
import MeshProtocol

/// What bytes to a proxy are for: the label `kind` of `heddle_push_bytes_total`.
enum PushKind: String, Sendable, CaseIterable {
  case snapshot, delta, current, endpoints, heartbeat, trust
  case goAway = "go_away"
  case reportAck = "report_ack"
}

/// What the machine wants done, in order.
enum MeshOutput: Sendable {
  /// Framed bytes; the same array may go to many streams.
  case send(Handle, [UInt8], PushKind)
  case finish(Handle, GRPCStatus)
}

extension Heddle_Mesh_V1_ControlMessage {
  /// The message as it travels: encoded, with gRPC's five bytes before it.
  static func framed(_ content: OneOf_Message) -> [UInt8] {
    var message = Self()
    message.message = content
    return grpcFrame(message.encodedBytes())
  }
}
