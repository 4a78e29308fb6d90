/// Names of fields that the mesh knows. Everything else is `other` and is told apart by its bytes.
public enum FieldName: UInt8, Hashable, Sendable, CaseIterable {
  case other
  // Framing, routing
  case host, contentLength, transferEncoding, expect
  // Hop by hop
  case connection, keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization, te, upgrade, http2Settings
  // What forwarding adds or reads
  case via, forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedOther, xRealIP, maxForwards
  // Security, sessions
  case authorization, cookie, setCookie, origin
  // Content, answers
  case trailer, contentType, contentEncoding, date, server, retryAfter, location, userAgent, accept, cacheControl
  // gRPC
  case grpcStatus, grpcMessage, grpcTimeout, grpcEncoding
  // Traces
  case traceparent, tracestate, b3, xB3, xRequestID
  // Linkerd's; `l5d` is any other name that begins so
  case l5dDtab, l5dCtxDtab, l5dCtxDeadline, l5dCtxTrace, l5dCtx, l5dSample, l5dReqid, l5dRetryable, l5dSuccessClass
  case l5dDtabSignature, l5dCtxDtabSignature, l5dDstService, l5dDstClient, l5dDstResidual, l5dErr, l5d
  case dtabLocal
  // Ours; `heddle` is any other name that begins so
  case heddleError, heddleExplain, heddle

  /// Any name that begins with `l5d-`.
  public var isL5d: Bool { rawValue >= FieldName.l5dDtab.rawValue && rawValue <= FieldName.l5d.rawValue }

  /// Any name that begins with `heddle-`.
  public var isHeddle: Bool { rawValue >= FieldName.heddleError.rawValue }

  /// Any name that only the mesh may speak: `l5d-…`, `heddle-…`, `dtab-local`.
  public var isMesh: Bool { rawValue >= FieldName.l5dDtab.rawValue }

  /// Says for whom a request was passed on: `forwarded`, `x-forwarded-…` (`x-forwarded-client-cert` among them),
  /// `x-real-ip`. To be believed only of a proxy that one knows.
  public var isForwarding: Bool {
    rawValue >= FieldName.forwarded.rawValue && rawValue <= FieldName.xRealIP.rawValue
  }

  /// Means something to the next connection only, whoever lists it (RFC 9110 §7.6.1, and the proxy credentials of
  /// §11.7).
  public var isHopByHop: Bool {
    rawValue >= FieldName.connection.rawValue && rawValue <= FieldName.http2Settings.rawValue
      || self == .transferEncoding
  }

  /// Decides where a request goes, how long it is, or who is asking. A spelling with `_`, which many servers read as
  /// `-`, is dropped from the head.
  public var isSecurityRelevant: Bool {
    if isL5d || isHeddle { return true }
    return switch self {
    case .host, .contentLength, .transferEncoding, .connection, .proxyAuthorization, .forwarded, .xForwardedFor,
      .xForwardedProto, .xForwardedHost, .xForwardedOther, .xRealIP, .authorization, .dtabLocal:
      true
    default: false
    }
  }

  /// May stand in a trailer section. Framing, routing and credentials may not: a receiver that merges trailers into
  /// the head would take them for the head's (RFC 9110 §6.5.1).
  public var isAllowedInTrailers: Bool {
    if isSecurityRelevant || isHopByHop { return false }
    return switch self {
    case .expect, .trailer, .contentType, .contentEncoding, .cookie, .setCookie, .maxForwards, .cacheControl: false
    default: true
    }
  }

  /// A `Connection` field can take away only fields that the mesh knows nothing of: it must not hide a host, a
  /// length, a credential or our own fields from those who look later.
  var yieldsToConnection: Bool { self == .other }
}
