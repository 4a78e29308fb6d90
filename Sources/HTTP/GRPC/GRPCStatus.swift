/// How a gRPC call ended.
public struct GRPCStatus: Error, Hashable, Sendable {
  /// The canonical codes, with their numbers on the wire.
  public enum Code: Int, Hashable, Sendable, CaseIterable {
    case ok = 0
    case cancelled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable
    case dataLoss, unauthenticated
  }

  public var code: Code
  /// For a person; may be empty.
  public var message: String

  public init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  public var isOK: Bool { code == .ok }
}

extension GRPCStatus.Code {
  /// A `grpc-status` field's value. What is no number, or no number that we know, is `unknown`, as the gRPC
  /// specification has it.
  public init(fieldValue: Span<UInt8>) {
    self = .unknown
    guard fieldValue.count >= 1, fieldValue.count <= 2 else { return }
    var number = 0
    for i in 0..<fieldValue.count {
      guard isDigit(fieldValue[i]) else { return }
      number = number &* 10 &+ Int(fieldValue[i] &- 0x30)
    }
    self = GRPCStatus.Code(rawValue: number) ?? .unknown
  }

  /// The code of an answer that carries no `grpc-status` (grpc/doc/http-grpc-status-mapping.md).
  public init(httpStatus: Int) {
    self =
      switch httpStatus {
      case 400: .internal
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .unimplemented
      case 429, 502, 503, 504: .unavailable
      default: .unknown
      }
  }

  /// The HTTP status that says the same to a client that knows no gRPC (google/rpc/code.proto).
  public var httpStatus: Int {
    switch self {
    case .ok: 200
    case .cancelled: 499
    case .invalidArgument, .failedPrecondition, .outOfRange: 400
    case .deadlineExceeded: 504
    case .notFound: 404
    case .alreadyExists, .aborted: 409
    case .permissionDenied: 403
    case .resourceExhausted: 429
    case .unimplemented: 501
    case .unavailable: 503
    case .unauthenticated: 401
    case .unknown, .internal, .dataLoss: 500
    }
  }
}
