import JSONFormat
import Serving

/// One method on one pattern of paths: what it does, and what the description of the API says of it. The table of
/// routes is the source of `/openapi.json`, so they cannot drift apart.
struct Route: Sendable {
  let method: String
  let pattern: RoutePattern
  /// Unique, for generated clients.
  let id: String
  let summary: String
  let parameters: [Parameter]
  /// Content types that are taken, with the schema of each; empty: no body.
  let bodies: [Body]
  /// Name of the schema of the answer.
  let answer: String
  /// Status of success.
  let status: Int
  let handle: @Sendable (Call) async throws(Problem) -> HTTPResponse

  struct Body: Sendable {
    let contentType: String
    let schema: String
    static func json(_ schema: String) -> [Body] { [Body(contentType: "application/json", schema: schema)] }
  }

  init(
    _ method: String, _ pattern: String, id: String, _ summary: String, _ parameters: [Parameter] = [],
    bodies: [Body] = [],
    answer: String, status: Int = 200, handle: @escaping @Sendable (Call) async throws(Problem) -> HTTPResponse
  ) {
    self.method = method
    self.pattern = RoutePattern(pattern)
    self.id = id
    self.summary = summary
    self.parameters = parameters
    self.bodies = bodies
    self.answer = answer
    self.status = status
    self.handle = handle
  }

  /// A query parameter or header.
  struct Parameter: Sendable {
    enum Place: String, Sendable { case query, header }
    let name: String
    let place: Place
    /// An OpenAPI schema.
    let schema: JSON
    let summary: String
    var isRequired = false

    static func query(_ name: String, _ schema: JSON, _ summary: String, required: Bool = false) -> Parameter {
      Parameter(name: name, place: .query, schema: schema, summary: summary, isRequired: required)
    }

    static func header(_ name: String, _ schema: JSON, _ summary: String) -> Parameter {
      Parameter(name: name, place: .header, schema: schema, summary: summary)
    }
  }
}

/// `/v1/namespaces/{ns}/revisions/{n}:rollback`: literals, and names in braces with an optional verb behind them.
struct RoutePattern: Sendable {
  let text: String
  let segments: [Segment]

  enum Segment: Sendable, Equatable {
    case literal(String)
    case parameter(String, verb: String)
  }

  init(_ text: String) {
    self.text = text
    segments = text.split(separator: "/").map { part in
      guard part.hasPrefix("{"), let end = part.firstIndex(of: "}") else { return .literal(String(part)) }
      let name = part[part.index(after: part.startIndex)..<end]
      return .parameter(String(name), verb: String(part[part.index(after: end)...]))
    }
  }

  var parameters: [String] {
    segments.compactMap { if case .parameter(let name, _) = $0 { name } else { nil } }
  }

  /// The parameters' values; nil when the path is another.
  func match(_ path: [String]) -> [String: String]? {
    guard path.count == segments.count else { return nil }
    var values: [String: String] = [:]
    for (segment, text) in zip(segments, path) {
      switch segment {
      case .literal(let literal): guard literal == text else { return nil }
      case .parameter(let name, let verb):
        guard text.hasSuffix(verb), text.utf8.count > verb.utf8.count else { return nil }
        values[name] = String(text.dropLast(verb.count))
      }
    }
    return values
  }
}
