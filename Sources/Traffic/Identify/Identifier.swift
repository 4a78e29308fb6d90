import HTTP
import Memory
import MeshProtocol

/// One way to a request's logical name. A listener has a list of them and takes the first that gives a name.
///
/// Names are written as dtabs write paths (`/svc/users`) into memory that is used again, so that a request whose name
/// is bound already costs no allocation.
public struct Identifier: Hashable, Sendable {
  /// Where the name is looked for.
  public enum Kind: Hashable, Sendable {
    /// The controller's routes.
    case routes
    /// The value of a header as one segment; of `host`, the host.
    case header(String)
    /// `<version>/<method>/<host>`, and the path's segments behind it with `withPath`.
    case methodAndHost(withVersion: Bool, withPath: Bool)
    /// The first segments of the path; with `consumes` the service does not see them.
    case path(segments: Int, consumes: Bool)
    /// The value of a header as a path; its first `segments`, or all of it.
    case headerPath(String, segments: Int?)
    /// Always this name.
    case fixed(Path)
  }

  public let kind: Kind
  /// What every name begins with: Linkerd's `dstPrefix`.
  public let prefix: Path
  public let host: HostOptions
  private let prefixText: [UInt8]

  /// Bytes of a name that a request can have; a longer one is none.
  public static let longestName = 2048

  public init(_ kind: Kind, prefix: Path = Path(labels: ["svc"])!, host: HostOptions = HostOptions()) {
    self.kind = kind
    self.prefix = prefix
    self.host = host
    prefixText = prefix.isRoot ? [] : Array(prefix.description.utf8)
  }

  /// Routes, then the host.
  public static let standard = [Identifier(.routes), Identifier(.header("host"))]

  /// The plain host under its usual spelling: what can be known by the host's bytes alone.
  public var isHost: Bool { kind == .header("host") }
}

/// What an identifier made of a request.
public enum Identification: Hashable, Sendable {
  /// The name is written. `consumed`: segments of the path that the service does not see.
  case name(consumed: Int16)
  /// Nothing of what it looks for is there.
  case none
  /// The path can be read in more than one way (`PathForm`): 400.
  case ambiguous
}

extension Identifier {
  /// The name of the request whose head stands in `bytes`. Of `routes`, always `none`: they are looked up in their table.
  /// - Parameter name: replaced by the name's text; undefined unless there is one.
  public func identify(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, scratch: inout RouteScratch, into name: inout [UInt8]
  ) -> Identification {
    name.removeAll(keepingCapacity: true)
    name.append(contentsOf: prefixText)
    let result: Identification
    switch kind {
    case .routes: return .none
    case .header("host"): result = addHost(head, bytes, &scratch, &name) ? .name(consumed: 0) : .none
    case .header(let header): result = addToken(header, head, bytes, &name)
    case .methodAndHost(let withVersion, let withPath):
      result = addMethodAndHost(head, bytes, withVersion, withPath, &scratch, &name)
    case .path(let segments, let consumes):
      result = addPath(head, bytes, atMost: segments, atLeast: segments, consumes: consumes, &scratch, &name)
    case .headerPath(let header, let segments): result = addHeaderPath(header, segments, head, bytes, &name)
    case .fixed(let path):
      if !path.isRoot { name.append(contentsOf: path.description.utf8) }
      result = .name(consumed: 0)
    }
    return name.count <= Self.longestName && !name.isEmpty ? result : .none
  }

  private func addHost(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ scratch: inout RouteScratch, _ name: inout [UInt8]
  ) -> Bool {
    guard identifyHost(bytes.extracting(head.hostRange), into: &scratch.value, options: host) else { return false }
    appendSegment(scratch.value.span, to: &name)
    return true
  }

  private func addToken(
    _ header: String, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ name: inout [UInt8]
  ) -> Identification {
    guard let value = headerValue(header, head, bytes), !value.isEmpty, value.count <= Self.longestName else {
      return .none
    }
    appendSegment(bytes.extracting(value), to: &name)
    return .name(consumed: 0)
  }

  private func addMethodAndHost(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ withVersion: Bool, _ withPath: Bool,
    _ scratch: inout RouteScratch, _ name: inout [UInt8]
  ) -> Identification {
    if withVersion { name.append(contentsOf: head.minorVersion == 0 ? "/1.0".utf8 : "/1.1".utf8) }
    appendSegment(bytes.extracting(head.methodRange), to: &name)
    if head.minorVersion != 0, !addHost(head, bytes, &scratch, &name) { return .none }
    if !withPath { return .name(consumed: 0) }
    return addPath(head, bytes, atMost: .max, atLeast: 0, consumes: false, &scratch, &name)
  }

  private func addPath(
    _ head: borrowing RequestHead, _ bytes: Span<UInt8>, atMost most: Int, atLeast least: Int, consumes: Bool,
    _ scratch: inout RouteScratch, _ name: inout [UInt8]
  ) -> Identification {
    let target = bytes.extracting(head.pathRange)
    guard head.form != .asterisk, head.pathLead != UInt8(ascii: "*") else {
      return least == 0 ? .name(consumed: 0) : .none
    }
    guard PathForm.normalize(target.extracting(0..<PathForm.pathEnd(target)), into: &scratch.path) else {
      return .ambiguous
    }
    let found = appendSegments(scratch.path.span, atMost: most, to: &name)
    return found >= least ? .name(consumed: consumes ? Int16(clamping: found) : 0) : .none
  }

  private func addHeaderPath(
    _ header: String, _ segments: Int?, _ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ name: inout [UInt8]
  ) -> Identification {
    guard let value = headerValue(header, head, bytes), value.count <= Self.longestName else { return .none }
    let text = bytes.extracting(value)
    guard text.count > 1, text[0] == UInt8(ascii: "/") else { return .none }
    let found = appendSegments(text, atMost: segments ?? .max, to: &name)
    return found >= segments ?? 1 ? .name(consumed: 0) : .none
  }

  private func headerValue(_ header: String, _ head: borrowing RequestHead, _ bytes: Span<UInt8>) -> Range<Int>? {
    let wanted = header.utf8
    for i in 0..<head.fields.count {
      let field = head.fields[i]
      guard field.nameLength == wanted.count else { continue }
      var at = field.nameStart
      if wanted.allSatisfy({ byte in
        defer { at &+= 1 }
        return lowercased(bytes[at]) == byte
      }) {
        return field.valueRange
      }
    }
    return nil
  }
}

/// Appends `/` and the bytes as `Segment` prints them.
func appendSegment(_ bytes: Span<UInt8>, to name: inout [UInt8]) {
  name.append(UInt8(ascii: "/"))
  var isLabel = true
  for i in 0..<bytes.count where !Segment.isLabelCharacter(bytes[i]) { isLabel = false }
  for i in 0..<bytes.count {
    if isLabel {
      name.append(bytes[i])
    } else {
      name.append(contentsOf: [
        UInt8(ascii: "\\"), UInt8(ascii: "x"), hexLetter(bytes[i] &>> 4), hexLetter(bytes[i] & 15),
      ])
    }
  }
}

/// Appends the segments of a path, empty ones left out, at most so many. Returns how many.
private func appendSegments(_ path: Span<UInt8>, atMost limit: Int, to name: inout [UInt8]) -> Int {
  var count = 0
  var i = 0
  while i < path.count, count < limit {
    while i < path.count, path[i] == UInt8(ascii: "/") { i &+= 1 }
    let start = i
    while i < path.count, path[i] != UInt8(ascii: "/") { i &+= 1 }
    guard i > start else { break }
    appendSegment(path.extracting(start..<i), to: &name)
    count &+= 1
  }
  return count
}

private func hexLetter(_ nibble: UInt8) -> UInt8 { nibble < 10 ? nibble &+ 0x30 : nibble &+ 0x57 }
