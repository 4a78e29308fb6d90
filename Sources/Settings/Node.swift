/// A parsed settings file: text, lists and mappings, each with its place. What a text means is decided by who reads it.
public struct Node: Sendable, Hashable {
  /// What stands there.
  public indirect enum Content: Sendable, Hashable {
    /// A scalar as written. `quoted` tells `"null"` from `null`.
    case text(String, quoted: Bool)
    case list([Node])
    /// In the order of the file; keys are unique.
    case mapping([Entry])
  }

  /// One line of a mapping.
  public struct Entry: Sendable, Hashable {
    public let key: String
    /// Where the key begins.
    public let mark: Mark
    public let value: Node
  }

  public let content: Content
  public let mark: Mark

  /// Makes a node.
  public init(_ content: Content, mark: Mark) {
    self.content = content
    self.mark = mark
  }

  /// Whether this is an unquoted `null`, `~` or nothing: the same as an absent key.
  public var isNull: Bool {
    guard case .text(let text, quoted: false) = content else { return false }
    return text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }

  /// `a text`, `a list`, `a mapping`: for messages.
  public var kindName: String {
    switch content {
    case .text: "a text"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }

  /// The value of a key, when this is a mapping that has it.
  public subscript(key: String) -> Node? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }
}
