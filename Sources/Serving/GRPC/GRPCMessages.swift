import HTTP
import HTTP2

/// The header lists of gRPC over HTTP/2.
enum GRPCMessages {
  static let contentType = "application/grpc+proto"

  static func request(path: String, scheme: String, authority: String, headers: HeaderList) -> HeaderList {
    var fields: HeaderList = [
      ":method": "POST", ":scheme": scheme, ":path": path, ":authority": authority, "content-type": contentType,
      "te": "trailers",
    ]
    for (name, value) in headers.fields { fields.append(name, value) }
    return fields
  }

  static let response: HeaderList = [":status": "200", "content-type": contentType]

  static func trailers(_ status: GRPCStatus) -> HeaderList {
    var fields: HeaderList = ["grpc-status": "\(status.code.rawValue)"]
    if !status.message.isEmpty { fields.append("grpc-message", grpcPercentEncoded(status.message)) }
    return fields
  }

  /// A refusal: headers and trailers in one.
  static func trailersOnly(_ status: GRPCStatus) -> HeaderList {
    var fields = response
    for (name, value) in trailers(status).fields { fields.append(name, value) }
    return fields
  }

  static func isGRPC(_ fields: HeaderList) -> Bool {
    guard let type = fields["content-type"] else { return false }
    return type == "application/grpc" || type.hasPrefix("application/grpc+") || type.hasPrefix("application/grpc;")
  }

  /// The status in trailers; a missing one is UNKNOWN, as gRPC has it.
  static func status(_ fields: HeaderList) -> GRPCStatus {
    guard let text = fields["grpc-status"] else { return GRPCStatus(.unknown, "the answer has no grpc-status") }
    let bytes = Array(text.utf8)
    let message = Array((fields["grpc-message"] ?? "").utf8)
    return GRPCStatus(GRPCStatus.Code(fieldValue: bytes.span), grpcPercentDecoded(message.span))
  }
}
