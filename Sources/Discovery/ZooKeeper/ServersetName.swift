import MeshProtocol

/// A name below the prefix, and the nodes that it may mean: `/discovery/prod/web:http/v2` is the endpoint `http` of the serverset
/// `/discovery/prod/web` with `/v2` left over, unless a longer front is a serverset. Linkerd's form.
struct ServersetName: Equatable {
  /// One way to read a name.
  struct Candidate: Equatable {
    /// The serverset's node: `/discovery/prod/web`.
    let node: String
    /// One of `additionalEndpoints`; nil = `serviceEndpoint`.
    let endpoint: String?
    /// Only the members of this shard; nil = all.
    let shard: Int64?
    /// Segments of the name.
    let taken: Int
  }

  /// Segments that may be part of a node's path, and bytes of such a path. Why: each front of a name may cost a watch in
  /// ZooKeeper, and requests make names. At the limit: what follows is left over.
  static let depthLimit = 32
  static let byteLimit = 1024

  /// The longest front first. Empty: no node can be meant.
  let candidates: [Candidate]

  init(_ name: Path) {
    var candidates: [Candidate] = []
    var parent = ""
    for (index, segment) in name.segments.prefix(Self.depthLimit).enumerated() {
      guard let label = Self.label(segment) else { break }
      let last = Self.split(label)
      guard parent.utf8.count + 1 + label.utf8.count <= Self.byteLimit else { break }
      candidates.append(
        Candidate(node: "\(parent)/\(last.node)", endpoint: last.endpoint, shard: last.shard, taken: index + 1))
      parent += "/" + label
    }
    self.candidates = candidates.reversed()
  }

  /// `web:http#3` → `web`, `http`, 3. A colon or number sign with nothing before it belongs to the node's name.
  private static func split(_ label: String) -> (node: String, endpoint: String?, shard: Int64?) {
    var rest = label[...]
    var shard: Int64?
    if let sign = rest.lastIndex(of: "#"), sign != rest.startIndex, let number = Int64(rest[rest.index(after: sign)...])
    {
      shard = number
      rest = rest[..<sign]
    }
    guard let colon = rest.firstIndex(of: ":"), colon != rest.startIndex, rest.index(after: colon) != rest.endIndex
    else { return (String(rest), nil, shard) }
    return (String(rest[..<colon]), String(rest[rest.index(after: colon)...]), shard)
  }

  /// What ZooKeeper takes as one part of a path (its Programmer's Guide, "Data Model"); nil for anything else.
  private static func label(_ segment: Segment) -> String? {
    let text = segment.text
    guard segment.isText, text != ".", text != "..", text.unicodeScalars.allSatisfy(isAllowed) else {
      return nil
    }
    return text
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x2f, 0x7f..<0xa0, 0xe000...0xf8ff, 0xfff0...0xffff: false
    default: true
    }
  }
}
