import JSONFormat
import Yams

extension JSON {
  /// Every document of a YAML (or JSON, its subset) text. Throws what is wrong with line and column.
  static func documents(yaml text: String, file: String) throws(ConsoleError) -> [JSON] {
    do {
      // Not `compose_all`, whose sequence ends at a fault as if the text ended there.
      let parser = try Parser(yaml: text)
      var documents: [JSON] = []
      while let node = try parser.nextRoot() { documents.append(try value(of: node)) }
      return documents.filter { $0 != .null }
    } catch let error as ConsoleError {
      throw error
    } catch {
      throw .usage("\(file): \(error)")
    }
  }

  private static func value(of node: Node) throws -> JSON {
    switch node {
    case .scalar(let scalar): return value(of: scalar)
    case .sequence(let items): return .array(try items.map { try value(of: $0) })
    case .mapping(let mapping):
      return .object(
        try mapping.map { key, value in
          guard let name = key.scalar?.string else { throw ConsoleError.usage("a key that is not text") }
          return Member(name, try self.value(of: value))
        })
    case .alias: throw ConsoleError.usage("YAML aliases are not supported")
    }
  }

  /// Only what JSON too would take for null, a truth value or a number is one. YAML 1.1 takes `no` for false and `1:30` for
  /// ninety; here they stay text.
  private static func value(of scalar: Node.Scalar) -> JSON {
    guard scalar.style == .plain else { return .string(scalar.string) }
    switch scalar.string {
    case "", "~", "null": return .null
    case "true": return true
    case "false": return false
    default: break
    }
    return .number(text: scalar.string) ?? .string(scalar.string)
  }

  /// The same value as a YAML document, members in their order.
  var yaml: String {
    get throws(ConsoleError) {
      do { return try Yams.serialize(node: node, allowUnicode: true) } catch { throw .failed("YAML: \(error)") }
    }
  }

  private var node: Node {
    switch self {
    case .null: Node("null", Tag(.null))
    case .bool(let value): Node(value ? "true" : "false", Tag(.bool))
    case .integer(let whole): Node(String(whole), Tag(.int))
    case .number, .written: Node(printedText, Tag(printedText.contains { ".eE".contains($0) } ? .float : .int))
    case .string(let text): Node(text, Tag(.str), Self.needsQuotes(text) ? .doubleQuoted : .any)
    case .array(let items): Node(items.map(\.node), Tag(.seq))
    case .object(let members): Node(members.map { (Node($0.name), $0.value.node) }, Tag(.map))
    }
  }

  /// Text that a reader would take for another type.
  private static func needsQuotes(_ text: String) -> Bool {
    text.isEmpty || Resolver.default.resolveTag(of: Node(text)) != .str
  }
}
