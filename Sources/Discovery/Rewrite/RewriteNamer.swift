import MeshProtocol
import Settings

/// `io.l5d.rewrite`: names that match a pattern are other concrete names, so that names from different worlds look alike.
///
/// What a rewritten name leads to is answered by another namer of the same program: it must be concrete, for dtabs are in
/// the proxies. As in Linkerd, segments behind those that the pattern takes are not handed on to the other name.
struct RewriteNamerSettings: NamerSettings {
  static let kind = "io.l5d.rewrite"
  /// The other namer has waited already.
  static let grace = Duration.zero

  let pattern: PathPattern?
  let name: PathTemplate?

  init(_ reader: Reader) {
    pattern = Self.read(reader, "pattern") { text throws(PathPattern.Fault) in try PathPattern(parsing: text) }
    name = Self.read(reader, "name") { text throws(PathPattern.Fault) in try PathTemplate(parsing: text) }
    let known = Set(pattern?.captures ?? [])
    if let missing = name?.captures.first(where: { !known.contains($0) }), pattern != nil {
      reader.fault("name", "{\(missing)} is not captured by the pattern")
    }
  }

  private static func read<Value>(
    _ reader: Reader, _ key: String, _ parse: (String) throws(PathPattern.Fault) -> Value
  ) -> Value? {
    guard let text = reader.text(key) else {
      reader.fault(key, "missing")
      return nil
    }
    do throws(PathPattern.Fault) { return try parse(text) } catch {
      reader.fault(key, "\(error)")
      return nil
    }
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer {
    guard let pattern, let name else { throw PathPattern.Fault(description: "not configured") }
    return RewriteNamer(pattern, name, context)
  }
}

final class RewriteNamer: Namer {
  let segments: Int?
  private let pattern: PathPattern
  private let name: PathTemplate
  private let context: NamerContext

  init(_ pattern: PathPattern, _ name: PathTemplate, _ context: NamerContext) {
    self.pattern = pattern
    self.name = name
    self.context = context
    segments = pattern.segments.count
  }

  func watch(_ path: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    guard let values = pattern.match(path), let target = name.filled(values) else {
      tell(.negative("\(path) does not match the pattern"))
      return EndedWatch()
    }
    let taken = pattern.segments.count
    return context.follow(target, from: path) { state in
      if let finding = state.finding(taken: taken) { tell(finding) }
    }
  }
}

extension DiscoveredName {
  /// As a finding of a namer that leads here.
  fileprivate func finding(taken: Int) -> Finding? {
    switch state {
    case .pending: return nil
    case .failed: return .failed(chained)
    case .negative: return .negative(chained)
    case .bound:
      return .bound(BoundName(taken: taken, endpoints: endpoints, serviceProtocol: serviceProtocol))
    }
  }

  /// The reason with the name that it is about: of several rewritings in a row the last one's, which is where it went wrong.
  private var chained: String {
    if reason.hasPrefix("/#/") || reason.hasPrefix("/$/") { return reason }
    let text = name.description
    // Rewriting can make names that nobody reads to the end.
    return text.utf8.count <= 200 ? "\(text): \(reason)" : "\(text.prefix(200))…: \(reason)"
  }
}
