import JSONFormat
import Serving

// Entity tags (RFC 9110, 8.8.3 and 13.1). Ours are strong and opaque to callers: a revision, for services with the
// version of their endpoints behind a dash, since those change without a revision.

enum EntityTags {
  /// The tags of a header's lines, without quotes; nil for `*`. Weak ones keep their `W/`.
  static func parse(_ lines: [String]) throws(Problem) -> [String]? {
    let text = lines.joined(separator: ",").trimmed
    if text == "*" { return nil }
    var tags: [String] = []
    for part in text.split(separator: ",") {
      let tag = part.trimmed
      let bare = tag.hasPrefix("W/") ? String(tag.dropFirst(2)) : tag
      guard bare.count >= 2, bare.hasPrefix("\""), bare.hasSuffix("\"") else {
        throw .malformed("An entity tag stands in quotes, such as \"42\"; this does not: \(tag)")
      }
      tags.append((tag.hasPrefix("W/") ? "W/" : "") + bare.dropFirst().dropLast())
    }
    if tags.isEmpty { throw .malformed("There is no entity tag in the condition.") }
    return tags
  }
}

extension Call {
  /// The conditions of a write.
  func preconditions() throws(Problem) -> Preconditions {
    var preconditions = Preconditions()
    let match = request.headers.values("if-match")
    if !match.isEmpty {
      preconditions.match = try EntityTags.parse(match)
      preconditions.mustExist = preconditions.match == nil
    }
    let none = request.headers.values("if-none-match")
    if !none.isEmpty {
      guard try EntityTags.parse(none) == nil else { throw .malformed("If-None-Match of a write can only be *.") }
      preconditions.mustBeNew = true
    }
    return preconditions
  }

  /// Whether the caller holds what has this tag: then the answer is 304. Weak comparison, as If-None-Match wants.
  func holds(_ tag: String) throws(Problem) -> Bool {
    let lines = request.headers.values("if-none-match")
    guard !lines.isEmpty else { return false }
    guard let tags = try EntityTags.parse(lines) else { return true }
    return tags.contains { $0 == tag || $0 == "W/" + tag }
  }

  /// 200 with the value, or 304.
  func answer(tag: String, _ value: JSON) throws(Problem) -> HTTPResponse {
    if try holds(tag) { return HTTPResponse(status: 304, headers: ["etag": "\"\(tag)\""]) }
    return .json(200, value, tag: tag)
  }
}

extension HTTPResponse {
  static func json(_ status: Int, _ value: JSON, tag: String? = nil, location: String? = nil) -> HTTPResponse {
    var headers: HeaderList = ["content-type": "application/json", "cache-control": "no-cache"]
    if let tag { headers.append("etag", "\"\(tag)\"") }
    if let location { headers.append("location", location) }
    return HTTPResponse(status: status, headers: headers, bytes: value.printed + [0x0A])
  }
}
