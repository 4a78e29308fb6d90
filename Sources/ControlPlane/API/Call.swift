import JSONFormat
import MeshProtocol
import Serving
import SystemIO

/// One request on its route, with its parameters read.
struct Call: Sendable {
  let request: HTTPRequest
  let route: Route
  let api: API
  /// From the path, decoded.
  let path: [String: String]
  private let query: [String: String]

  /// - Throws: 400 for a query that cannot be read, or has parameters that this route does not know: a misspelt
  ///   `dry_run` must not become a write.
  init(_ request: HTTPRequest, _ route: Route, _ path: [String: String], _ api: API) throws(Problem) {
    self.request = request
    self.route = route
    self.api = api
    self.path = path
    guard let items = request.queryItems else { throw .malformed("The query has an invalid percent-escape.") }
    var query: [String: String] = [:]
    for item in items {
      guard route.parameters.contains(where: { $0.place == .query && $0.name == item.name }) else {
        throw .malformed("There is no query parameter \(item.name) here.")
      }
      guard query.updateValue(item.value, forKey: item.name) == nil else {
        throw .malformed("The query parameter \(item.name) stands there twice.")
      }
    }
    self.query = query
  }

  var controller: Controller { api.controller }

  // MARK: parameters

  /// A name from the path.
  func name(_ parameter: String) throws(Problem) -> String {
    let text = path[parameter] ?? ""
    guard ResourceName.isValid(text) else {
      throw .malformed("\(parameter) in the path must match \(ResourceName.pattern).")
    }
    return text
  }

  func namespace() throws(Problem) -> String { try name("ns") }

  /// A revision from the path.
  func revision() throws(Problem) -> UInt64 {
    guard let number = UInt64(path["n"] ?? ""), number > 0 else {
      throw .malformed("n in the path must be a revision, a whole number from 1.")
    }
    return number
  }

  func text(_ name: String) -> String? { query[name] }

  func flag(_ name: String) throws(Problem) -> Bool {
    switch query[name] {
    case nil, "false": return false
    case "true", "": return true
    default: throw .malformed("\(name) must be true or false.")
    }
  }

  func whole(_ name: String, _ range: ClosedRange<Int>) throws(Problem) -> Int? {
    guard let text = query[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw .malformed("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  func duration(_ name: String, _ range: ClosedRange<Duration>) throws(Problem) -> Duration? {
    guard let text = query[name] else { return nil }
    guard let duration = Duration(configured: text), range.contains(duration) else {
      throw .malformed(
        "\(name) must be a duration from \(range.lowerBound.configured) to \(range.upperBound.configured).")
    }
    return duration
  }

  // MARK: body

  /// The body's media type without parameters, in lower case.
  var contentType: String {
    let type = request.headers["content-type"] ?? ""
    return type.prefix { $0 != ";" }.trimmed.lowercased()
  }

  func json() throws(Problem) -> JSON {
    guard ["application/json", "application/merge-patch+json"].contains(contentType) else { throw unsupported() }
    do throws(JSONFault) { return try JSONParser.parse(request.body) } catch { throw Problem(error) }
  }

  /// JSON, or an empty object when there is no body.
  func optionalJSON() throws(Problem) -> JSON { request.body.isEmpty ? .object([]) : try json() }

  func unsupported() -> Problem {
    let types = route.bodies.map(\.contentType).joined(separator: " or ")
    let found = contentType.isEmpty ? "none was given" : "not \(contentType)"
    return Problem(status: 415, detail: "The content type must be \(types); \(found).")
  }

  /// Whether the caller asks for `text/plain` rather than JSON.
  var wantsText: Bool {
    let accept = request.headers["accept"] ?? ""
    return accept.split(separator: ",").first.map { $0.prefix { $0 != ";" }.trimmed == "text/plain" } ?? false
  }

  /// Who it is, as far as is known: there are no identities yet, so the address.
  var who: String { "anonymous@\(request.peer.host)" }
}

extension StringProtocol {
  /// Without spaces and tabs at either end.
  var trimmed: String {
    let isSpace = { (c: Character) in c == " " || c == "\t" }
    guard let start = firstIndex(where: { !isSpace($0) }), let end = lastIndex(where: { !isSpace($0) }) else {
      return ""
    }
    return String(self[start...end])
  }
}
