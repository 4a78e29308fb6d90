import MeshProtocol

/// A pattern over the first segments of a path, as Linkerd's PathMatcher: `/`-separated segments of literal text, `*` (one
/// segment, whatever it is) and captures `{name}`, also mixed within a segment: `/{service}.{env}/http`. Each capture takes
/// as much of its segment as it can.
struct PathPattern: Hashable, Sendable {
  enum Part: Hashable, Sendable {
    case text(String)
    case capture(String)
    /// Any one segment.
    case any
  }

  /// Captures of one pattern. Why: matching looks back, and this bounds how far. At the limit: refused.
  static let mostCaptures = 16

  let segments: [[Part]]

  struct Fault: Error, Equatable, CustomStringConvertible {
    let description: String
  }

  init(parsing text: String) throws(Fault) {
    guard text.hasPrefix("/") else { throw Fault(description: "expected a pattern that begins with /") }
    var segments: [[Part]] = []
    for segment in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard !segment.isEmpty else { throw Fault(description: "a segment of the pattern is empty") }
      segments.append(segment == "*" ? [.any] : try Self.parts(segment))
    }
    self.segments = segments
    let names = captures
    if Set(names).count != names.count { throw Fault(description: "a capture stands twice in the pattern") }
    if names.count > Self.mostCaptures { throw Fault(description: "more than \(Self.mostCaptures) captures") }
  }

  var captures: [String] {
    segments.flatMap { $0 }.compactMap { part in
      guard case .capture(let name) = part else { return nil }
      return name
    }
  }

  /// What the captures hold when the pattern matches the first segments of `path`, as latin-1 texts of the bytes.
  func match(_ path: Path) -> [String: String]? {
    guard path.count >= segments.count else { return nil }
    var values: [String: String] = [:]
    for (parts, segment) in zip(segments, path.segments) {
      if parts == [.any] { continue }
      guard Self.match(parts[...], Array(segment.scalarText.unicodeScalars)[...], &values) else { return nil }
    }
    return values
  }

  private static func match(
    _ parts: ArraySlice<Part>, _ text: ArraySlice<Unicode.Scalar>, _ values: inout [String: String]
  ) -> Bool {
    guard let part = parts.first else { return text.isEmpty }
    switch part {
    case .any: return false
    case .text(let literal):
      let scalars = Array(literal.unicodeScalars)
      return text.starts(with: scalars) && match(parts.dropFirst(), text.dropFirst(scalars.count), &values)
    case .capture(let name):
      var length = text.count
      while length >= 1 {
        if match(parts.dropFirst(), text.dropFirst(length), &values) {
          var value = ""
          value.unicodeScalars.append(contentsOf: text.prefix(length))
          values[name] = value
          return true
        }
        length -= 1
      }
      return false
    }
  }

  /// Text and captures of one segment, or of a template.
  static func parts(_ text: Substring) throws(Fault) -> [Part] {
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else {
      throw Fault(description: "expected ASCII, found \"\(text.prefix(80))\"")
    }
    var parts: [Part] = []
    var rest = text
    while let open = rest.firstIndex(of: "{") {
      if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
      guard let close = rest[open...].firstIndex(of: "}") else { throw Fault(description: "a { without its }") }
      let name = rest[rest.index(after: open)..<close]
      guard !name.isEmpty, name.utf8.allSatisfy(isNameByte) else {
        throw Fault(description: "{\(name)} is no capture: letters, digits, '.', ':', '-' and '_'")
      }
      if case .capture = parts.last { throw Fault(description: "two captures need a text between them") }
      parts.append(.capture(String(name)))
      rest = rest[rest.index(after: close)...]
    }
    if rest.contains("}") { throw Fault(description: "a } without its {") }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    return parts
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    HostName.isNameByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
  }
}

/// The path that captures are put into: `/#/io.l5d.k8s/{env}/http/{service}`.
struct PathTemplate: Hashable, Sendable {
  private let segments: [[PathPattern.Part]]

  init(parsing text: String) throws(PathPattern.Fault) {
    guard text.hasPrefix("/#/") || text.hasPrefix("/$/") else {
      throw PathPattern.Fault(description: "expected a concrete name: it begins with /#/ or /$/")
    }
    var segments: [[PathPattern.Part]] = []
    for segment in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard !segment.isEmpty else { throw PathPattern.Fault(description: "a segment of the name is empty") }
      segments.append(try PathPattern.parts(segment))
    }
    self.segments = segments
  }

  var captures: [String] {
    segments.flatMap { $0 }.compactMap { part in
      guard case .capture(let name) = part else { return nil }
      return name
    }
  }

  func filled(_ values: [String: String]) -> Path? {
    var filled: [Segment] = []
    for parts in segments {
      var text = ""
      for part in parts {
        switch part {
        case .text(let literal): text += literal
        case .capture(let name): text += values[name] ?? ""
        case .any: return nil
        }
      }
      guard let segment = Segment(latin1: text) ?? Segment(text) else { return nil }
      filled.append(segment)
    }
    return Path(segments: filled)
  }
}
