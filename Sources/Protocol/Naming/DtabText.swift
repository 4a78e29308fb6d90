/// A dtab together with where its parts stand in the text, for those who point at them.
public struct DtabText: Sendable {
  /// A dentry and its places.
  public struct Entry: Sendable {
    public let dentry: Dentry
    /// Of the prefix, as bytes from the start of the text.
    public let offset: Int
    /// Of each leaf and sign (`!`, `~`, `$`) of the destination, in the order written.
    public let places: [Int]
  }

  public let entries: [Entry]

  public var dtab: Dtab { Dtab(entries.map(\.dentry)) }

  /// Reads what `Dtab(parsing:)` reads.
  public init(parsing text: String) throws(NamingError) {
    var parser = try NameParser(text)
    let dentries = try parser.whole { parser throws(NamingError) in try parser.dtab(atMost: .max) }
    let (starts, places) = (parser.dentryStarts, parser.places)
    entries = dentries.indices.map { index in
      let end = index + 1 < starts.count ? starts[index + 1].firstPlace : places.count
      return Entry(
        dentry: dentries[index], offset: starts[index].offset, places: Array(places[starts[index].firstPlace..<end]))
    }
  }

  /// Where the n-th leaf or sign stands in the text of `destination` as it is printed; nil when there is none.
  public static func offset(ofPlace place: Int, in destination: NameTree<Path>) -> Int? {
    let head = "/=>"
    guard let entry = try? DtabText(parsing: head + destination.description).entries.first,
      entry.places.indices.contains(place)
    else { return nil }
    return entry.places[place] - head.utf8.count
  }
}
