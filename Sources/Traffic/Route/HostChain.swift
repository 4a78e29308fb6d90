import HTTP

/// All routes that a request to one host can match, the more specific host pattern first. Made once per host and table.
public final class HostChain: Sendable {
  private let levels: [HostRoutes]
  private let matchesPaths: Bool

  init(_ levels: [HostRoutes]) {
    self.levels = levels
    matchesPaths = levels.contains { $0.matchesPaths }
  }

  /// The route of the request whose head stands in `bytes`. Allocates nothing once the scratch has grown.
  public func find(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, scratch: inout RouteScratch) -> RouteLookup {
    let target = bytes.extracting(head.pathRange)
    let end = PathForm.pathEnd(target)
    let isPath = head.form != .asterisk && head.pathLead != UInt8(ascii: "*")
    scratch.path.removeAll(keepingCapacity: true)
    if matchesPaths, isPath, end > 0 {
      guard PathForm.normalize(target.extracting(0..<end), into: &scratch.path) else { return .ambiguous }
    } else if isPath {
      scratch.path.append(UInt8(ascii: "/"))
    }
    let query = min(head.pathRange.lowerBound &+ end &+ 1, head.pathRange.upperBound)..<head.pathRange.upperBound
    let path = scratch.path
    for i in levels.indices {
      let found = levels[i].find(head, bytes, path: path.span, query: query, value: &scratch.value)
      if let found { return .found(found) }
    }
    return .none
  }
}

/// Memory that matching uses again and again; one per thread.
public struct RouteScratch: Sendable {
  var path: [UInt8] = []
  var value: [UInt8] = []

  public init() {}
}

/// What looking for a route gave.
public enum RouteLookup: Hashable, Sendable {
  case found(RouteMatch)
  case none
  /// The host's routes match paths, and this path can be read in more than one way (`PathForm`): 400.
  case ambiguous
}
