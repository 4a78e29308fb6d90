import HTTP
import Memory

/// An answer that the proxy makes itself: what went wrong, as whose fault it counts, and whether an application saw the request.
/// The names are the contract's `heddle-error` values.
public enum ProxyFault: String, Sendable {
  case unidentified
  case badDtab = "bad-dtab"
  case badRequest = "bad-request"
  case overrideDenied = "override-denied"
  case unauthorized
  case noRoute = "no-route"
  case namingLoop = "naming-loop"
  case callLoop = "call-loop"
  case noEndpoints = "no-endpoints"
  case bindingTimeout = "binding-timeout"
  case connectFailed = "connect-failed"
  case upstreamReset = "upstream-reset"
  case upstreamProtocol = "upstream-protocol"
  case timeout
  case deadline
  case overload
  case rateLimited = "rate-limited"
  case draining

  /// The HTTP status of the answer.
  public var status: Int {
    switch self {
    case .unidentified, .badDtab, .badRequest: 400
    case .overrideDenied, .unauthorized: 403
    case .noRoute, .connectFailed, .upstreamReset, .upstreamProtocol: 502
    case .namingLoop, .callLoop: 508
    case .noEndpoints, .bindingTimeout, .overload, .draining: 503
    case .timeout, .deadline: 504
    case .rateLimited: 429
    }
  }

  /// What a gRPC caller is told.
  public var grpcCode: GRPCStatus.Code {
    switch self {
    case .unidentified, .badDtab, .badRequest: .invalidArgument
    case .overrideDenied, .unauthorized: .permissionDenied
    case .noRoute, .namingLoop, .callLoop, .upstreamProtocol: .internal
    case .noEndpoints, .bindingTimeout, .connectFailed, .upstreamReset, .draining: .unavailable
    case .timeout, .deadline: .deadlineExceeded
    case .overload, .rateLimited: .resourceExhausted
    }
  }

  /// True only where surely no application saw the request.
  public var isRetryable: Bool {
    switch self {
    case .noEndpoints, .bindingTimeout, .connectFailed, .overload, .draining, .rateLimited: true
    default: false
    }
  }

  /// The caller's own mistake: it counts as no failure of the service.
  public var isCallers: Bool { status < 500 && self != .rateLimited }
}

/// Writes an answer of the proxy's own, headers as the contract has them.
///
/// `status` is the fault's unless the HTTP parser knows better (414, 431, 501 …). The text goes into `l5d-err`, percent-encoded, and
/// into the body; it never holds header values. An untrusted caller learns the status and nothing else.
func writeFault(
  _ fault: ProxyFault, status: Int? = nil, text: String, close: Bool, withoutBody: Bool, trusted: Bool = true,
  into output: inout ByteBuffer
) {
  let status = status ?? fault.status
  output.append("HTTP/1.1 ")
  output.append(decimal: status)
  output.append(" ")
  output.append(reasonPhrase(status))
  output.append("\r\n")
  if trusted {
    output.append("content-type: text/plain; charset=utf-8\r\n")
    writeReason(fault, text, into: &output)
  }
  if status == 503 && fault == .overload { output.append("retry-after: 1\r\n") }
  if status == 405 { output.append("allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n") }
  if close { output.append("connection: close\r\n") }
  output.append("content-length: ")
  output.append(decimal: trusted ? text.utf8.count + 1 : 0)
  output.append("\r\n\r\n")
  if trusted && !withoutBody {
    output.append(text)
    output.append("\n")
  }
}

/// Writes an answer of the proxy's own to a gRPC call: trailers only, HTTP status 200 (gRPC over HTTP/2, "Responses").
func writeGRPCFault(_ fault: ProxyFault, text: String, trusted: Bool, into output: inout ByteBuffer) {
  output.append("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: ")
  output.append(decimal: fault.grpcCode.rawValue)
  output.append("\r\n")
  if trusted {
    output.append("grpc-message: ")
    output.append(grpcPercentEncoded(String(text.prefix(longestErrorText))))
    output.append("\r\n")
    writeReason(fault, text, into: &output)
  }
  output.append("\r\n")
}

private func writeReason(_ fault: ProxyFault, _ text: String, into output: inout ByteBuffer) {
  output.append("heddle-error: ")
  output.append(fault.rawValue)
  output.append("\r\nl5d-err: ")
  appendPercentEncoded(text, into: &output)
  output.append("\r\n")
  if fault.isRetryable { output.append("l5d-retryable: true\r\n") }
  output.append("l5d-success-class: 0.0\r\n")
}

/// Writes an answer of the proxy's own that is no fault: a JSON document.
func writeDocument(_ json: String, close: Bool, withoutBody: Bool, into output: inout ByteBuffer) {
  output.append("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
  if close { output.append("connection: close\r\n") }
  output.append("content-length: ")
  output.append(decimal: json.utf8.count + 1)
  output.append("\r\n\r\n")
  if withoutBody { return }
  output.append(json)
  output.append("\n")
}

/// Characters of an error's text in a header: it must never itself burst the caller's head limit.
private let longestErrorText = 4096

/// The text of a header value: visible ASCII but `%` as it is, all other bytes as %XX (RFC 3986 2.1). Cut at 4 KiB.
private func appendPercentEncoded(_ text: String, into output: inout ByteBuffer) {
  for byte in text.utf8.prefix(longestErrorText) {
    if byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "%") {
      output.append(byte)
    } else {
      output.append(UInt8(ascii: "%"))
      output.append(hexDigit(byte >> 4))
      output.append(hexDigit(byte & 15))
    }
  }
}

private func hexDigit(_ n: UInt8) -> UInt8 { n < 10 ? n &+ 0x30 : n &+ 0x37 }

/// The usual phrase of the statuses a proxy answers with itself.
func reasonPhrase(_ status: Int) -> StaticString {
  switch status {
  case 400: "Bad Request"
  case 403: "Forbidden"
  case 405: "Method Not Allowed"
  case 408: "Request Timeout"
  case 413: "Content Too Large"
  case 414: "URI Too Long"
  case 417: "Expectation Failed"
  case 429: "Too Many Requests"
  case 431: "Request Header Fields Too Large"
  case 501: "Not Implemented"
  case 502: "Bad Gateway"
  case 503: "Service Unavailable"
  case 504: "Gateway Timeout"
  case 505: "HTTP Version Not Supported"
  case 508: "Loop Detected"
  default: "Error"
  }
}
