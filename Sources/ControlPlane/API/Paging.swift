import JSONFormat

/// Where a list stopped: the revision it is of, and the last key shown.
struct PageToken: Sendable, Equatable {
  let revision: UInt64
  let after: String

  /// Opaque to callers; only digits, letters and a dot, so that it needs no encoding.
  var text: String { "\(revision).\(Facts.hex(Array(after.utf8)))" }

  init(revision: UInt64, after: String) {
    self.revision = revision
    self.after = after
  }

  init(_ text: String) throws(Problem) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let revision = UInt64(parts[0]), let bytes = Facts.bytes(hex: String(parts[1])),
      let after = String(validating: bytes, as: UTF8.self)
    else { throw .malformed("continue is not what an earlier answer gave.") }
    self.init(revision: revision, after: after)
  }
}

extension Call {
  static let longestPage = 10_000

  func limit() throws(Problem) -> Int { try whole("limit", 1...Self.longestPage) ?? .max }

  func token() throws(Problem) -> PageToken? {
    guard let text = text("continue") else { return nil }
    return try PageToken(text)
  }

  /// The namespace as a list is to show it: now, or at the revision that `continue` pins.
  func pinned(_ token: PageToken?) throws(Problem) -> NamespaceState {
    let name = try namespace()
    if let token { return try controller.state(name, at: token.revision) }
    return try present(name)
  }

  /// The namespace as it is.
  func present(_ name: String) throws(Problem) -> NamespaceState {
    guard let state = controller.state(name), state.isPresent else { throw .absentNamespace(name) }
    return state
  }
}

/// One page of a list that is sorted by a key.
struct Page<Item> {
  let items: [Item]
  let token: PageToken?

  /// - Parameter all: everything behind the token's key, at least `limit + 1` of it, in order.
  init(_ all: [Item], limit: Int, revision: UInt64, key: (Item) -> String) {
    let hasMore = all.count > limit
    items = hasMore ? Array(all.prefix(limit)) : all
    token = hasMore ? items.last.map { PageToken(revision: revision, after: key($0)) } : nil
  }

  func members(_ name: String, _ json: (Item) -> JSON) -> [JSON.Member] {
    [.init(name: name, value: .array(items.map(json)))]
      + (token.map { [.init(name: "continue", value: .string($0.text))] } ?? [])
  }
}
