import MeshProtocol

/// Linkerd's `/$/io.buoyant.…` names, which only rewrite a path. Each is negative when its arguments have another
/// shape.
enum UtilityNamers {
  /// nil when nothing has this name.
  static func answer(_ name: String, _ arguments: [Segment]) -> NamerAnswer? {
    switch name {
    case "io.buoyant.hostportPfx": hostPort(arguments) { [$0, $1] }
    case "io.buoyant.porthostPfx": hostPort(arguments) { [$1, $0] }
    case "io.buoyant.http.anyMethod": skipping(arguments, isMethod)
    case "io.buoyant.http.anyMethodPfx": prefixed(arguments) { skipping($0, isMethod) }
    case "io.buoyant.http.anyHost": skipping(arguments, isHost)
    case "io.buoyant.http.anyHostPfx": prefixed(arguments) { skipping($0, isHost) }
    case "io.buoyant.http.subdomainOf": subdomain(arguments)
    case "io.buoyant.http.subdomainOfPfx": subdomainPrefixed(arguments)
    case "io.buoyant.http.domainToPath": reversedDomain(arguments)
    case "io.buoyant.http.domainToPathPfx": prefixed(arguments, reversedDomain)
    default: nil
    }
  }

  /// `<pfx>/<host>:<port>/rest` → `/<pfx>/…/rest`
  private static func hostPort(_ arguments: [Segment], _ order: (Segment, Segment) -> [Segment]) -> NamerAnswer {
    guard arguments.count >= 2, let (host, port) = split(arguments[1]) else { return .negative }
    return .rewritten(Path(segments: [arguments[0]] + order(host, port) + arguments.dropFirst(2)))
  }

  /// Exactly one colon; the port is digits or a service name. No IPv6 literals.
  private static func split(_ segment: Segment) -> (Segment, Segment)? {
    let parts = segment.scalarText.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, isPort(parts[1]), let host = Segment(latin1: String(parts[0])),
      let port = Segment(latin1: String(parts[1]))
    else { return nil }
    return (host, port)
  }

  /// Digits, or `[a-z0-9][-a-z0-9]*[a-z0-9]?` of up to 63 characters.
  private static func isPort(_ text: Substring) -> Bool {
    let bytes = text.utf8
    guard let first = bytes.first, bytes.count <= 63, first != UInt8(ascii: "-") else { return false }
    return bytes.allSatisfy { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
  }

  private static func skipping(_ arguments: [Segment], _ fits: (Segment) -> Bool) -> NamerAnswer {
    guard let first = arguments.first, fits(first) else { return .negative }
    return .rewritten(Path(segments: Array(arguments.dropFirst())))
  }

  /// `<pfx>/…`: what the rule makes of the rest, below `/<pfx>`.
  private static func prefixed(_ arguments: [Segment], _ rule: ([Segment]) -> NamerAnswer) -> NamerAnswer {
    guard let prefix = arguments.first, case .rewritten(let path) = rule(Array(arguments.dropFirst())) else {
      return .negative
    }
    return .rewritten(Path(segments: [prefix] + path.segments))
  }

  /// `<domain>/<host>/rest` → `/sub/rest`, where host is `sub.domain[:port]`.
  private static func subdomain(_ arguments: [Segment]) -> NamerAnswer {
    guard arguments.count >= 2, let sub = sub(of: arguments[0], in: arguments[1]) else { return .negative }
    return .rewritten(Path(segments: [sub] + arguments.dropFirst(2)))
  }

  /// `<domain>/<pfx>/<host>/rest` → `/pfx/sub/rest`
  private static func subdomainPrefixed(_ arguments: [Segment]) -> NamerAnswer {
    guard arguments.count >= 3, let sub = sub(of: arguments[0], in: arguments[2]) else { return .negative }
    return .rewritten(Path(segments: [arguments[1], sub] + arguments.dropFirst(3)))
  }

  private static func sub(of domain: Segment, in host: Segment) -> Segment? {
    let name = host.scalarText.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)[0]
    let ending = "." + domain.scalarText
    guard isHost(host), name.utf8.count > ending.utf8.count, name.hasSuffix(ending) else { return nil }
    return Segment(latin1: String(name.dropLast(ending.count)))
  }

  /// `<a.b.c>/rest` → `/c/b/a/rest`
  private static func reversedDomain(_ arguments: [Segment]) -> NamerAnswer {
    guard let domain = arguments.first, isHost(domain) else { return .negative }
    let name = domain.scalarText.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)[0]
    let labels = name.split(separator: ".", omittingEmptySubsequences: false).reversed().map {
      Segment(latin1: String($0))
    }
    guard labels.allSatisfy({ $0 != nil }) else { return .negative }
    return .rewritten(Path(segments: labels.compactMap { $0 } + arguments.dropFirst()))
  }

  /// `[A-Z]+`
  private static func isMethod(_ segment: Segment) -> Bool {
    segment.scalarText.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
  }

  /// `[A-Za-z0-9.:_-]+`
  private static func isHost(_ segment: Segment) -> Bool {
    segment.scalarText.utf8.allSatisfy { byte in
      isDigit(byte) || isLower(byte | 0x20) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
        || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}
