import HTTP
import HTTP2

/// What a handler answers. The server adds framing (`content-length` or chunks), `date` and `connection` itself.
public struct HTTPResponse: Sendable {
  public enum Body: Sendable {
    /// The whole body; an empty one is sent as `content-length: 0`.
    case bytes([UInt8])
    /// A body that goes on: server-sent events.
    case stream(ResponseStream)
  }

  public var status: Int
  public var headers: HeaderList
  public var body: Body

  public init(status: Int, headers: HeaderList = HeaderList(), body: Body = .bytes([])) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  public init(status: Int, headers: HeaderList = HeaderList(), bytes: [UInt8]) {
    self.init(status: status, headers: headers, body: .bytes(bytes))
  }

  /// A text answer with its content type.
  public init(status: Int, contentType: String = "text/plain; charset=utf-8", text: String) {
    self.init(status: status, headers: ["content-type": contentType], body: .bytes(Array(text.utf8)))
  }

  /// The body's bytes; nil for a stream.
  public var bytes: [UInt8]? {
    if case .bytes(let bytes) = body { bytes } else { nil }
  }

  /// The body as text; nil for a stream.
  public var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

  /// An error of the server itself as RFC 9457 asks: `application/problem+json` with title, status and detail.
  public static func problem(_ status: Int, _ detail: String) -> HTTPResponse {
    let json =
      "{\"type\":\"about:blank\",\"title\":\(quoted(reasonPhrase(status).description)),\"status\":\(status),\"detail\":\(quoted(detail))}\n"
    return HTTPResponse(status: status, contentType: "application/problem+json", text: json)
  }
}

/// A JSON string literal (RFC 8259 §7).
func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case "\n": out += "\\n"
    case "\r": out += "\\r"
    case "\t": out += "\\t"
    case _ where scalar.value < 0x20:
      let hex = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}
