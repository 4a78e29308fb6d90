import MeshProtocol

/// Parses names here before anything is sent, so that a fault is shown under the operator's own text.
enum NameText {
  static func check(prefix: String) throws(ConsoleError) {
    do { _ = try Prefix(parsing: prefix) } catch {
      throw .usage("the prefix is not one\n" + Caret.pointing(at: error.offset, in: prefix, saying: expected(error)))
    }
  }

  static func check(destination: String) throws(ConsoleError) {
    do { _ = try NameTree<Path>(parsing: destination) } catch {
      throw .usage(
        "the destination is no name tree\n" + Caret.pointing(at: error.offset, in: destination, saying: expected(error))
      )
    }
  }

  /// Returns the number of entries.
  @discardableResult
  static func check(dtab: String, file: String) throws(ConsoleError) -> Int {
    do { return try Dtab(parsing: dtab).dentries.count } catch {
      let name = file == "-" ? "standard input" : file
      // What is missing at the end is missed behind the last word, not in the empty line that follows.
      let offset = min(error.offset, dtab.trimmed.utf8.count + dtab.utf8.prefix { $0 <= 0x20 }.count)
      throw .failed("\(name) is no dtab\n" + Caret.pointing(at: offset, in: dtab, saying: expected(error)))
    }
  }

  /// The services `/#/registry/<name>` that a name tree can lead to. Text that is no name tree leads nowhere.
  static func registryNames(in destination: String) -> [String] {
    guard let tree = try? NameTree<Path>(parsing: destination) else { return [] }
    return tree.leaves.compactMap { path in
      let segments = path.segments.map(\.text)
      return segments.count >= 3 && segments[0] == "#" && segments[1] == "registry" ? segments[2] : nil
    }
  }

  private static func expected(_ fault: NamingError) -> String { "expected \(fault.expected), found \(fault.found)" }
}
