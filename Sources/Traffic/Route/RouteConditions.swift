import HTTP
import Memory
import MeshProtocol

/// What a match asks besides host and path, ready to be compared with the bytes of a request.
struct RouteConditions: Sendable {
  let method: [UInt8]?
  let headers: [FieldCondition]
  let query: [FieldCondition]

  /// Compiles the patterns; `field` is the match's place in its route, for faults.
  init(_ match: HTTPMatch, field: [String]) throws(FieldFault) {
    method = match.method.map { Array($0.utf8) }
    headers = try FieldCondition.all(match.headers, field: field + ["headers"])
    query = try FieldCondition.all(match.query, field: field + ["query"])
  }

  /// - Parameter query: the request's query without `?`, as a range of `bytes`.
  /// - Parameter value: scratch.
  func hold(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, query range: Range<Int>, _ value: inout [UInt8]
  ) -> Bool {
    if let method, !bytesEqual(method.span, bytes.extracting(head.methodRange)) { return false }
    for i in headers.indices where !headers[i].holds(inHeaders: head.fields, bytes) { return false }
    for i in query.indices where !query[i].holds(inQuery: bytes.extracting(range), &value) { return false }
    return true
  }
}

/// One header or parameter that must be there, and what its value must be.
struct FieldCondition: Sendable {
  let name: [UInt8]
  let value: Value

  enum Value: Sendable {
    case exact([UInt8])
    case pattern(Pattern)
    case present
  }

  static func all(_ matches: [FieldMatch], field: [String]) throws(FieldFault) -> [FieldCondition] {
    var conditions: [FieldCondition] = []
    for (index, match) in matches.enumerated() {
      conditions.append(try FieldCondition(match, field: field + [String(index)]))
    }
    return conditions
  }

  private init(_ match: FieldMatch, field: [String]) throws(FieldFault) {
    name = Array(match.name.utf8)
    switch match.value {
    case .exact(let text): value = .exact(Array(text.utf8))
    case .regex(let text): value = .pattern(try compile(text, field: field + ["regex"]))
    case .present: value = .present
    }
  }

  private func accepts(_ bytes: Span<UInt8>) -> Bool {
    switch value {
    case .exact(let wanted): bytesEqual(wanted.span, bytes)
    case .pattern(let pattern): pattern.matches(bytes)
    case .present: true
    }
  }

  /// Any line of that name will do.
  func holds(inHeaders fields: borrowing FieldTable, _ bytes: Span<UInt8>) -> Bool {
    for i in 0..<fields.count {
      let field = fields[i]
      guard field.nameLength == name.count, equalsIgnoringCase(bytes.extracting(field.nameRange), name.span) else {
        continue
      }
      if accepts(bytes.extracting(field.valueRange)) { return true }
    }
    return false
  }

  /// Only the first parameter of that name counts. Names and values are compared with their percent escapes decoded;
  /// `+` is itself.
  func holds(inQuery query: Span<UInt8>, _ value: inout [UInt8]) -> Bool {
    var i = 0
    while i < query.count {
      let isThis = takeName(query, &i, &value)
      let start = i
      while i < query.count, query[i] != UInt8(ascii: "&") { i &+= 1 }
      if isThis {
        decode(query.extracting(start..<i), into: &value)
        return accepts(value.span)
      }
      i &+= 1
    }
    return false
  }

  /// Moves behind a parameter's name and its `=`; whether the name is ours.
  private func takeName(_ query: Span<UInt8>, _ i: inout Int, _ scratch: inout [UInt8]) -> Bool {
    let start = i
    while i < query.count, query[i] != UInt8(ascii: "="), query[i] != UInt8(ascii: "&") { i &+= 1 }
    decode(query.extracting(start..<i), into: &scratch)
    if i < query.count, query[i] == UInt8(ascii: "=") { i &+= 1 }
    return bytesEqual(scratch.span, name.span)
  }
}

/// Percent escapes decoded; an escape that is none stays as it is.
private func decode(_ raw: Span<UInt8>, into value: inout [UInt8]) {
  value.removeAll(keepingCapacity: true)
  var i = 0
  while i < raw.count {
    if raw[i] == UInt8(ascii: "%"), i &+ 3 <= raw.count, let high = hexDigit(raw[i &+ 1]),
      let low = hexDigit(raw[i &+ 2])
    {
      value.append(high &<< 4 | low)
      i &+= 3
    } else {
      value.append(raw[i])
      i &+= 1
    }
  }
}

/// A pattern, or what is wrong with it and where.
func compile(_ text: String, field: [String]) throws(FieldFault) -> Pattern {
  do {
    return try Pattern(text)
  } catch {
    throw FieldFault(field: field, message: "\(error.message) (at byte \(error.offset))")
  }
}
