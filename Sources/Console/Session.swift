import JSONFormat

/// What a running command works with: the controller, the terminal, and what was asked for all commands alike.
struct Session {
  let api: any ControllerAPI
  let terminal: Terminal
  let environment: [String: String]
  let namespace: String
  /// What the caller said of the form; nil: nothing.
  let asked: OutputFormat?
  /// What a value is printed as.
  var format: OutputFormat { asked ?? (terminal.isInteractive ? .table : .json) }

  /// A path in the session's namespace; each segment is percent-encoded.
  func path(_ segments: String...) -> String {
    (["v1", "namespaces", namespace] + segments).reduce("") { $0 + "/" + Query.encoded($1) }
  }

  /// Reads one resource; anything but 2xx is thrown as the controller's problem.
  func get(_ path: String, query: Query = Query()) throws(ConsoleError) -> JSON {
    try document(try accepted(APICall("GET", path + query.text, headers: [.init("accept", "application/json")])))
  }

  /// Reads a whole list, following `continue` so that nobody mistakes a page for everything.
  func list(_ path: String, member: String, query: Query = Query()) throws(ConsoleError) -> JSON {
    var query = query
    var answer = try get(path, query: query)
    var items = answer[member]?.items ?? []
    while let next = answer["continue"]?.text, !next.isEmpty {
      query.set("continue", next)
      answer = try get(path, query: query)
      items += answer[member]?.items ?? []
    }
    let others = (answer.members ?? []).filter { $0.name != member && $0.name != "continue" }
    return .object(others + [.init(member, .array(items))])
  }

  /// Sends a call and takes only a 2xx for an answer.
  func accepted(_ call: APICall) throws(ConsoleError) -> APIAnswer {
    let answer = try api.send(call)
    guard (200..<300).contains(answer.status) else { throw .refused(Problem(answer: answer)) }
    return answer
  }

  func document(_ answer: APIAnswer) throws(ConsoleError) -> JSON {
    guard !answer.body.isEmpty else { return .object([]) }
    do { return try JSON.answer(answer.body) } catch {
      throw .failed(
        "the controller's answer is no JSON (byte \(error.offset): \(error.detail)); is this its REST port?")
    }
  }

  /// Prints `value` as asked; `table` makes the form for people.
  func show(_ value: JSON, table: () -> String) throws(ConsoleError) {
    try show(value, as: format, table)
  }

  /// Prints one word that goes into files and pipes as it is, or `value` where a form was asked for.
  func tell(_ word: String, of value: JSON) throws(ConsoleError) {
    try show(value, as: asked ?? .table) { word + "\n" }
  }

  private func show(_ value: JSON, as format: OutputFormat, _ table: () -> String) throws(ConsoleError) {
    switch format {
    case .table: terminal.write(table())
    case .json: terminal.line(value.printedIndented())
    case .yaml: terminal.write(try value.yaml)
    }
  }
}

/// A query string in the order it was built.
struct Query {
  private var items: [(name: String, value: String)] = []

  init(_ items: KeyValuePairs<String, String?> = [:]) {
    for (name, value) in items { set(name, value) }
  }

  mutating func set(_ name: String, _ value: String?) {
    items.removeAll { $0.name == name }
    if let value { items.append((name, value)) }
  }

  var text: String {
    items.isEmpty ? "" : "?" + items.map { "\($0.name)=\(Self.encoded($0.value))" }.joined(separator: "&")
  }

  /// Percent-encodes all but RFC 3986's unreserved characters.
  static func encoded(_ text: String) -> String {
    text.utf8.reduce(into: "") { out, byte in
      let scalar = Unicode.Scalar(byte)
      let isPlain =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte) || "-._~".unicodeScalars.contains(scalar))
      if isPlain {
        out.unicodeScalars.append(scalar)
      } else {
        let hex = String(byte, radix: 16, uppercase: true)
        out += "%" + (hex.count == 1 ? "0" : "") + hex
      }
    }
  }
}
