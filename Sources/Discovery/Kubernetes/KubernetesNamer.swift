import JSONFormat
import MeshProtocol
import Serving

/// `/<namespace>/<port>/<service>`: Services of Kubernetes with the ready endpoints of their EndpointSlices. A namespace is
/// watched from the first name in it to the last.
final class KubernetesNamer: Namer {
  let segments: Int? = 3
  private let context: NamerContext
  private let source: SourceClient
  private let secret: Secret?
  private var namespaces: [String: KubernetesNamespace] = [:]

  init(_ context: NamerContext, _ access: KubernetesAccess) throws {
    self.context = context
    let secret = access.token.map { Secret($0) }
    self.secret = secret
    source = try SourceClient(context, at: access.place) { [unowned context] in
      secret?.text(at: context.now).map { ["authorization": "Bearer \($0)"] } ?? HeaderList()
    }
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    let parts = name.segments.map { $0.text.lowercased() }
    // Lower case of some letters beyond ASCII is an ASCII letter.
    guard parts.count == 3, name.segments.allSatisfy({ $0.bytes.allSatisfy { $0 < 0x80 } }), Self.isLabel(parts[0]),
      Self.isLabel(parts[2])
    else {
      return SettledWatch(context, .negative("expected /<namespace>/<port>/<service>, found \(name)"), tell)
    }
    let namespace =
      namespaces[parts[0]] ?? KubernetesNamespace(context, source, namespace: parts[0], secret: secret)
    namespaces[parts[0]] = namespace
    let id = namespace.watch(port: parts[1], service: parts[2], tell)
    return ClosureWatch { [weak self] in self?.cancel(id, in: parts[0]) }
  }

  private func cancel(_ id: UInt64, in name: String) {
    guard let namespace = namespaces[name] else { return }
    namespace.cancel(id)
    guard namespace.isUnused else { return }
    namespace.end()
    namespaces[name] = nil
  }

  /// A DNS label (RFC 1123), as names of namespaces and Services are: so it is safe in a URL too.
  static func isLabel(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...63).contains(bytes.count), bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "-") else {
      return false
    }
    return bytes.allSatisfy { $0 >= 0x61 && $0 <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == UInt8(ascii: "-") }
  }
}

/// `/<port>/<service>` in one fixed namespace.
final class FixedNamespaceNamer: Namer {
  let segments: Int? = 2
  private let namer: KubernetesNamer
  private let namespace: Segment

  init(_ namer: KubernetesNamer, namespace: Segment) {
    self.namer = namer
    self.namespace = namespace
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    namer.watch(Path(segments: [namespace] + name.segments)) { finding in
      guard case .bound(var bound) = finding else { return tell(finding) }
      bound.taken = 2
      tell(.bound(bound))
    }
  }
}
