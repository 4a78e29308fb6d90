/// One rule of a delegation table: what begins with `prefix` goes to `destination`, the rest of the name appended to
/// each leaf.
public struct Dentry: Hashable, Sendable, CustomStringConvertible {
  public let prefix: Prefix
  public let destination: NameTree<Path>

  public init(prefix: Prefix, destination: NameTree<Path>) {
    self.prefix = prefix
    self.destination = destination
  }

  /// Reads `/svc/users => /#/registry/users-v1`.
  public init(parsing text: String) throws(NamingError) {
    var parser = try NameParser(text)
    self = try parser.whole { parser throws(NamingError) in try parser.dentry() }
  }

  /// Where `path` goes by this dentry; nil when the prefix does not match.
  public func apply(to path: Path) -> NameTree<Path>? {
    prefix.matches(path) ? destination.appending(path.dropFirst(prefix.count)) : nil
  }

  /// Whether both mean the same: equal prefixes, destinations equal when simplified.
  public func isEquivalent(to other: Dentry) -> Bool {
    prefix == other.prefix && destination.simplified == other.destination.simplified
  }

  public var description: String { "\(prefix)=>\(destination)" }
}

/// A delegation table: an ordered list of dentries, of which later ones are preferred.
public struct Dtab: Hashable, Sendable, CustomStringConvertible {
  public var dentries: [Dentry]

  public init(_ dentries: [Dentry] = []) { self.dentries = dentries }

  /// Reads `/a => /b ; /c => /d | /e`. The empty text is the empty dtab; a last `;` may stand.
  public init(parsing text: String) throws(NamingError) { try self.init(parsing: text, atMost: .max) }

  /// The same, refused at the dentry that is one too many.
  public init(parsing text: String, atMost limit: Int) throws(NamingError) {
    var parser = try NameParser(text)
    dentries = try parser.whole { parser throws(NamingError) in try parser.dtab(atMost: limit) }
  }

  /// One lookup step: negative without a match, the tree of a single match, else all of them as alternatives, last
  /// entry first.
  public func lookup(_ path: Path) -> NameTree<Path> {
    let matches = dentries.reversed().compactMap { $0.apply(to: path) }
    return matches.isEmpty ? .neg : matches.count == 1 ? matches[0] : .alt(matches)
  }

  /// What follows `prefix`, when this table begins with its entries; else this table.
  public func strippingPrefix(_ prefix: Dtab) -> Dtab {
    dentries.starts(with: prefix.dentries) ? Dtab(Array(dentries.dropFirst(prefix.dentries.count))) : self
  }

  /// Destinations simplified, entries without one dropped.
  public var simplified: Dtab {
    Dtab(
      dentries.map { Dentry(prefix: $0.prefix, destination: $0.destination.simplified) }.filter {
        $0.destination != .neg
      })
  }

  public static func + (a: Dtab, b: Dtab) -> Dtab { Dtab(a.dentries + b.dentries) }

  public var description: String { dentries.map(\.description).joined(separator: ";") }
}
