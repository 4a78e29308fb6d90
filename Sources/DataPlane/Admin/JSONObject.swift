import Telemetry

/// Builds one JSON object as text, in the order given. The proxy carries no JSON library: it only writes.
struct JSONObject {
  private var members: [String] = []

  init() {}

  mutating func add(_ name: StaticString, text: String) { add(name, json: JSONText.quoted(text)) }
  mutating func add(_ name: StaticString, number: some BinaryInteger) { add(name, json: "\(number)") }
  mutating func add(_ name: StaticString, number: Double) { add(name, json: number.isFinite ? "\(number)" : "null") }
  mutating func add(_ name: StaticString, _ value: Bool) { add(name, json: value ? "true" : "false") }
  /// `json` must be a JSON value.
  mutating func add(_ name: StaticString, json: String) { members.append("\"\(name)\":\(json)") }
  /// A member whose name comes from outside.
  mutating func add(named name: String, json: String) { members.append("\(JSONText.quoted(name)):\(json)") }

  var text: String { "{\(members.joined(separator: ","))}" }

  static func list(_ items: some Sequence<String>) -> String { "[\(items.joined(separator: ","))]" }
  static func texts(_ items: some Sequence<String>) -> String { list(items.map(JSONText.quoted)) }
}
