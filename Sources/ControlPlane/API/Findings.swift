import JSONFormat

/// What was wrong with the fields of one body, collected so that one answer names them all.
struct Findings {
  /// More than this help nobody and would let a small body make a large answer.
  static let limit = 50

  private(set) var faults: [Problem.Fault] = []
  var isEmpty: Bool { faults.isEmpty }

  mutating func add(_ pointer: Pointer, _ detail: String, offset: Int? = nil) {
    if faults.count < Self.limit { faults.append(.init(pointer: pointer, detail: detail, offset: offset)) }
  }

  /// 422 with everything found, if anything was.
  func check() throws(Problem) {
    guard let first = faults.first else { return }
    let place = first.pointer.description.isEmpty ? "The body" : first.pointer.description
    throw .impossible("\(place): \(first.detail)", faults)
  }
}

/// Reads the members of one JSON object with their types, and in the end says which members nobody asked for.
struct Fields {
  let pointer: Pointer
  private let members: [JSON.Member]
  private var known: Set<String> = []

  /// Anything but an object is a finding, and then has no members.
  init(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) {
    self.pointer = pointer
    members = json.members ?? []
    if json.members == nil { findings.add(pointer, "must be an object, not \(json.kindName)") }
  }

  /// A member's value; nil when absent. `null` counts as absent only where `optional` members are read.
  mutating func value(_ name: String) -> JSON? {
    known.insert(name)
    return members.first { $0.name == name }?.value
  }

  func place(_ name: String) -> Pointer { pointer / name }

  mutating func string(_ name: String, longest: Int, _ findings: inout Findings) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.text else {
      findings.add(place(name), "must be a string, not \(value.kindName)")
      return nil
    }
    guard text.utf8.count <= longest else {
      findings.add(place(name), "is longer than \(longest) bytes")
      return nil
    }
    return text
  }

  mutating func required(_ name: String, longest: Int, _ findings: inout Findings) -> String? {
    if !members.contains(where: { $0.name == name }) {
      known.insert(name)
      findings.add(place(name), "is missing")
      return nil
    }
    return string(name, longest: longest, &findings)
  }

  mutating func whole(_ name: String, _ range: ClosedRange<Int64>, _ findings: inout Findings) -> Int64? {
    guard let value = value(name) else { return nil }
    guard let number = value.whole, range.contains(number) else {
      findings.add(place(name), "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return number
  }

  mutating func number(_ name: String, _ range: ClosedRange<Double>, _ findings: inout Findings) -> Double? {
    guard let value = value(name) else { return nil }
    guard let number = value.double, range.contains(number) else {
      findings.add(
        place(name),
        "must be a number from \(JSON.number(range.lowerBound).printedText) to "
          + JSON.number(range.upperBound).printedText
      )
      return nil
    }
    return number
  }

  mutating func bool(_ name: String, _ findings: inout Findings) -> Bool? {
    guard let value = value(name) else { return nil }
    if value.truth == nil { findings.add(place(name), "must be true or false, not \(value.kindName)") }
    return value.truth
  }

  mutating func array(_ name: String, atMost limit: Int, _ findings: inout Findings) -> [JSON]? {
    guard let value = value(name) else { return nil }
    guard let items = value.items else {
      findings.add(place(name), "must be an array, not \(value.kindName)")
      return nil
    }
    guard items.count <= limit else {
      findings.add(place(name), "has more than \(limit) items")
      return nil
    }
    return items
  }

  mutating func object(_ name: String, atMost limit: Int, _ findings: inout Findings) -> [JSON.Member]? {
    guard let value = value(name) else { return nil }
    guard let inner = value.members else {
      findings.add(place(name), "must be an object, not \(value.kindName)")
      return nil
    }
    guard inner.count <= limit else {
      findings.add(place(name), "has more than \(limit) members")
      return nil
    }
    return inner
  }

  mutating func duration(_ name: String, _ range: ClosedRange<Duration>, _ findings: inout Findings) -> Duration? {
    guard let value = value(name) else { return nil }
    guard let text = value.text, let duration = Duration(configured: text) else {
      findings.add(place(name), "must be a duration such as \"250ms\", \"30s\" or \"5m\"")
      return nil
    }
    guard range.contains(duration) else {
      findings.add(place(name), "must be from \(range.lowerBound.configured) to \(range.upperBound.configured)")
      return nil
    }
    return duration
  }

  /// Members that were not asked for are findings: a misspelt field must not be silently without effect. Members in
  /// `answered` are those that answers carry; they are taken back without effect, so that what was read can be written.
  func finish(answered: Set<String> = [], _ findings: inout Findings) {
    for member in members where !known.contains(member.name) && !answered.contains(member.name) {
      findings.add(place(member.name), "is not a field here")
    }
  }
}

extension JSON {
  /// The number as a double; integers beyond 2^53 lose digits.
  var double: Double? {
    switch self {
    case .integer(let i): Double(i)
    case .number(let d): d
    default: nil
    }
  }
}
