import HTTP
import JSONFormat
import Serving

/// Why a request was refused: RFC 9457 problem details. Thrown by everything between the wire and the store.
struct Problem: Error, Sendable, Equatable {
  /// One field at fault.
  struct Fault: Sendable, Equatable {
    let pointer: Pointer
    let detail: String
    /// Byte offset within the field's text (or within the whole body for malformed JSON), where the fault is at one
    /// place.
    var offset: Int?
  }

  let status: Int
  let detail: String
  var errors: [Fault] = []
  /// Seconds, for `Retry-After`.
  var retryAfter: Int?
  /// For `Allow`.
  var allow: [String] = []
  /// The namespace's revision, where the answer is about it.
  var revision: UInt64?

  static func malformed(_ detail: String, _ errors: [Fault] = []) -> Problem {
    Problem(status: 400, detail: detail, errors: errors)
  }
  static func forbidden(_ detail: String) -> Problem { Problem(status: 403, detail: detail) }
  static func notFound(_ detail: String) -> Problem { Problem(status: 404, detail: detail) }
  static func conflict(_ detail: String) -> Problem { Problem(status: 409, detail: detail) }
  static func gone(_ detail: String) -> Problem { Problem(status: 410, detail: detail) }
  static func stale(_ detail: String, revision: UInt64) -> Problem {
    Problem(status: 412, detail: detail, revision: revision)
  }
  static func impossible(_ detail: String, _ errors: [Fault] = []) -> Problem {
    Problem(status: 422, detail: detail, errors: errors)
  }
  static func unavailable(_ detail: String, retryAfter: Int = 1) -> Problem {
    Problem(status: 503, detail: detail, retryAfter: retryAfter)
  }

  /// A single field at fault.
  static func impossible(at pointer: Pointer, _ detail: String) -> Problem {
    impossible(detail, [Fault(pointer: pointer, detail: detail)])
  }

  var response: HTTPResponse {
    var body: JSON = [
      "type": "about:blank", "title": .string(reasonPhrase(status).description), "status": JSON(status),
      "detail": .string(detail),
    ]
    if !errors.isEmpty { body = body.adding([.init(name: "errors", value: .array(errors.map(\.json)))]) }
    if let revision { body = body.adding([.init(name: "revision", value: JSON(revision))]) }
    var headers: HeaderList = ["content-type": "application/problem+json", "cache-control": "no-store"]
    if let retryAfter { headers.append("retry-after", String(retryAfter)) }
    if !allow.isEmpty { headers.append("allow", allow.joined(separator: ", ")) }
    if let revision { headers.append("etag", "\"\(revision)\"") }
    return HTTPResponse(status: status, headers: headers, bytes: body.printed + [0x0A])
  }
}

extension Problem.Fault {
  fileprivate var json: JSON {
    let base: JSON = ["pointer": .string(pointer.description), "detail": .string(detail)]
    return offset.map { base.adding([.init(name: "offset", value: JSON($0))]) } ?? base
  }
}

extension Problem {
  init(_ fault: JSONFault) {
    self = .malformed(
      "The body is not JSON that is accepted here.",
      [
        Fault(pointer: fault.pointer, detail: "\(fault.detail) (byte \(fault.offset))", offset: fault.offset)
      ])
  }
}
