import JSONFormat
import MeshProtocol

/// A dentry with a place. Its id is the name of its document.
struct Rule: Sendable, Equatable {
  let prefix: Prefix
  let destination: NameTree<Path>
  /// For people; "" for none.
  let comment: String
  let place: SortKey

  static let longestPrefix = 4096
  /// A tree of a few thousand leaves; every proxy compiles it.
  static let longestDestination = 65_536
  static let longestComment = 1024

  /// What a request says of a rule; its place is the store's business.
  struct Wanted: Sendable, Equatable {
    let prefix: Prefix
    let destination: NameTree<Path>
    let comment: String

    func at(_ place: SortKey) -> Rule { Rule(prefix: prefix, destination: destination, comment: comment, place: place) }
    func isSame(as rule: Rule) -> Bool { prefix == rule.prefix && destination == rule.destination }
  }

  var wanted: Wanted { Wanted(prefix: prefix, destination: destination, comment: comment) }

  var members: [JSON.Member] {
    var members: [JSON.Member] = [
      .init(name: "prefix", value: .string(prefix.description)),
      .init(name: "destination", value: .string(destination.description)),
    ]
    if !comment.isEmpty { members.append(.init(name: "comment", value: .string(comment))) }
    return members
  }

  static func load(_ json: JSON, _ findings: inout Findings) -> Rule? {
    var fields = Fields(json, at: .root, &findings)
    let wanted = read(&fields, &findings)
    let place = fields.required("sort_key", longest: 2 * SortKey.longest, &findings).flatMap(SortKey.init(hex:))
    fields.finish(&findings)
    guard let wanted, let place else { return nil }
    return wanted.at(place)
  }

  static func read(_ fields: inout Fields, _ findings: inout Findings) -> Wanted? {
    let prefix = fields.required("prefix", longest: longestPrefix, &findings)
      .flatMap { NameText.prefix($0, at: fields.place("prefix"), &findings) }
    let destination = fields.required("destination", longest: longestDestination, &findings)
      .flatMap { NameText.tree($0, at: fields.place("destination"), &findings) }
    let comment = fields.string("comment", longest: longestComment, &findings) ?? ""
    guard let prefix, let destination else { return nil }
    return Wanted(prefix: prefix, destination: destination, comment: comment)
  }
}

/// Texts of the naming language in requests, with the place of the fault when they are wrong.
enum NameText {
  static func prefix(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> Prefix? {
    do throws(NamingError) { return try Prefix(parsing: text) } catch {
      findings.add(pointer, error)
      return nil
    }
  }

  static func tree(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> NameTree<Path>? {
    do throws(NamingError) { return try NameTree<Path>(parsing: text) } catch {
      findings.add(pointer, error)
      return nil
    }
  }

  static func dtab(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> Dtab? {
    do throws(NamingError) { return try Dtab(parsing: text) } catch {
      findings.add(pointer, error)
      return nil
    }
  }

  static func path(_ text: String, at pointer: Pointer, _ findings: inout Findings) -> Path? {
    do throws(NamingError) { return try Path(parsing: text) } catch {
      findings.add(pointer, error)
      return nil
    }
  }
}

extension Findings {
  mutating func add(_ pointer: Pointer, _ error: NamingError) {
    add(pointer, "\(error.message) (byte \(error.offset))", offset: error.offset)
  }
}
