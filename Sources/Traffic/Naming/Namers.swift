import MeshProtocol

/// What a path means that no rule matches: names of namers (`/#/…`) and the built-in ones (`/$/…`).
public enum NamerAnswer: Hashable, Sendable {
  /// A set of endpoints, watched under `name`; `residual` is what is left of the path.
  case concrete(name: Path, residual: Path)
  /// Another path, looked up next.
  case rewritten(Path)
  case negative, fail, empty
  case unknownNamer
}

public enum Namers {
  /// Pure: no namer is asked here. Names under `/#/` are answered by whoever watches them.
  public static func answer(_ path: Path) -> NamerAnswer {
    guard path.count >= 2 else { return .negative }
    switch path.segments[0].scalarText {
    case "#": return registered(path)
    case "$": return builtIn(path)
    default: return .negative
    }
  }

  /// `/#/registry/<service>/…` and `/#/registry.ns/<namespace>/<service>/…` are ours, so their names have a known
  /// length. What other namers take of a path is theirs to say: the whole path is the name, and the answer comes with
  /// id and residual.
  private static func registered(_ path: Path) -> NamerAnswer {
    let length =
      switch path.segments[1].scalarText {
      case "registry": 3
      case "registry.ns": 4
      default: path.count
      }
    guard path.count >= length else { return .negative }
    return .concrete(name: path.prefix(length), residual: path.dropFirst(length))
  }

  private static func builtIn(_ path: Path) -> NamerAnswer {
    let arguments = path.dropFirst(2).segments
    switch path.segments[1].scalarText {
    case "inet", "fixedinet": return inet(path, arguments)
    case "fail": return .fail
    case "nil": return .empty
    case "io.buoyant.rinet": return reversedInet(path, arguments)
    case let name: return UtilityNamers.answer(name, arguments) ?? .unknownNamer
    }
  }

  /// `/$/inet/<host>/<port>/rest`, or `/$/inet/<port>/rest` for this host. A path of neither shape has no namer, as in
  /// Finagle.
  private static func inet(_ path: Path, _ arguments: [Segment]) -> NamerAnswer {
    let kind = Array(path.segments.prefix(2))
    if arguments.count >= 2, let port = Port(arguments[1]) {
      return .concrete(name: Path(segments: kind + [arguments[0], port.segment]), residual: path.dropFirst(4))
    }
    if let first = arguments.first, let port = Port(first) {
      return .concrete(name: Path(segments: kind + [port.segment]), residual: path.dropFirst(3))
    }
    return .unknownNamer
  }

  /// `/$/io.buoyant.rinet/<port>/<host>/rest`
  private static func reversedInet(_ path: Path, _ arguments: [Segment]) -> NamerAnswer {
    guard arguments.count >= 2, let port = Port(arguments[0]) else { return .negative }
    let name = Path(segments: Array(path.segments.prefix(2)) + [port.segment, arguments[1]])
    return .concrete(name: name, residual: path.dropFirst(4))
  }
}

/// A TCP port written in digits.
struct Port {
  let number: UInt16

  /// nil when it is not all digits or above 65 535.
  init?(_ segment: Segment) {
    let digits = segment.scalarText.utf8
    guard digits.count <= 5, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = UInt16(segment.scalarText)
    else { return nil }
    self.number = number
  }

  /// Without leading zeros, so that one port has one name.
  var segment: Segment { Segment(decimal: UInt64(number)) }
}
