import MeshProtocol

/// What is known of the keys below a root: a name's endpoints are the keys directly below it. Pure.
///
/// Key `<root>/web/users/7` is the endpoint `7` of the name `/web/users`.
struct EtcdBook {
  private let root: [UInt8]
  /// By name, then by what follows it.
  private var names: [[Segment]: [String: EtcdEndpoint]] = [:]
  private(set) var count = 0

  init(root: [UInt8]) { self.root = root }

  /// Takes a key's value, nil when it is gone; the name concerned, nil when the key is no endpoint's.
  mutating func take(_ key: [UInt8], _ value: [UInt8]?) -> [Segment]? {
    guard let (name, id) = split(key) else { return nil }
    let new = value.map { EtcdEndpoint($0) }
    let old = names[name]?[id]
    count += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
    names[name, default: [:]][id] = new
    if names[name]?.isEmpty == true { names[name] = nil }
    return name
  }

  mutating func removeAll() {
    names = [:]
    count = 0
  }

  /// The longest front of a path that has keys, and what is found there.
  func finding(_ path: Path) -> Finding {
    for taken in stride(from: path.count, to: 0, by: -1) {
      guard let entries = names[Array(path.segments.prefix(taken))] else { continue }
      return found(entries, taken: taken)
    }
    return .negative("no key below \(path)")
  }

  private func found(_ entries: [String: EtcdEndpoint], taken: Int) -> Finding {
    var endpoints: [FoundEndpoint] = []
    var fault: String?
    for (id, entry) in entries.sorted(by: { $0.key < $1.key }) {
      switch entry {
      case .endpoint(let endpoint): endpoints.append(endpoint)
      case .broken(let text): fault = fault ?? "\(id): \(text)"
      }
    }
    if endpoints.isEmpty, let fault { return .failed("no key makes sense: \(fault)") }
    return .bound(BoundName(taken: taken, endpoints: endpoints))
  }

  /// `<root>/a/b/7` → (`a`, `b`), `7`.
  private func split(_ key: [UInt8]) -> (name: [Segment], id: String)? {
    guard key.starts(with: root), key.dropFirst(root.count).first == UInt8(ascii: "/") else { return nil }
    let parts = key.dropFirst(root.count + 1).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count >= 2, let id = parts.last, !id.isEmpty else { return nil }
    let segments = parts.dropLast().compactMap { Segment(bytes: $0) }
    return segments.count == parts.count - 1 ? (segments, String(decoding: id, as: UTF8.self)) : nil
  }
}
