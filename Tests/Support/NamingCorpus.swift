import Foundation

/// One case of `Tests/NamingCorpus/naming.txt`, whose head says what the words mean. Texts only: those who run it read
/// them with what they test.
public struct NamingCase: Sendable, CustomStringConvertible {
  public struct Split: Sendable {
    public var name = ""
    public var prefix = ""
    public var onUnbound = ""
    public var backends: [(name: String, weight: Int, destination: String)] = []
  }

  public struct State: Sendable {
    public var state: String
    /// What the namer took of the name and left over; empty: the whole name.
    public var id = ""
    public var residual = ""
  }

  public var title: String
  public var line = 0
  public var dtab = ""
  public var splits: [Split] = []
  public var context = ""
  public var request = ""
  public var name = ""
  public var states: [String: State] = [:]
  public var result = ""
  public var code = ""
  public var bound = ""
  public var shares: [String] = []
  public var steps: [String] = []
  public var refused: (what: String, why: String)?

  public var description: String { "\(title) (line \(line))" }

  public static let all: [NamingCase] = read()

  private static func read() -> [NamingCase] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("NamingCorpus/naming.txt")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { preconditionFailure("no \(file.path)") }
    var cases: [NamingCase] = []
    for (index, line) in text.components(separatedBy: "\n").enumerated() where !line.hasPrefix("#") && !line.isEmpty {
      if line.hasPrefix("= ") {
        cases.append(NamingCase(title: String(line.dropFirst(2)), line: index + 1))
      } else {
        let word = line.prefix { $0 != " " }
        cases[cases.count - 1].add(String(word), line.dropFirst(word.count).trimmingCharacters(in: .whitespaces))
      }
    }
    return cases.map(\.completed)
  }

  private mutating func add(_ word: String, _ rest: String) {
    let words = rest.split(separator: " ").map(String.init)
    switch word {
    case "dtab": dtab += (dtab.isEmpty ? "" : "\n") + rest
    case "split": splits.append(Split(rest))
    case "context": context = rest
    case "request": request = rest
    case "name": name = rest
    case "state":
      states[words[0]] = State(
        state: words[1], id: words.count > 2 ? words[2] : "", residual: words.count > 4 ? words[4] : "")
    case "result": result = rest
    case "code": code = rest
    case "bound": bound = rest
    case "shares": shares = rest.components(separatedBy: ", ").sorted()
    case "steps": steps = rest.components(separatedBy: " → ")
    case "refused": refused = (words[0], String(rest.dropFirst(words[0].count + 1)))
    default: preconditionFailure("line \(line): no word \(word)")
    }
  }

  /// What goes without saying: a tree is bound, and a single leaf gets everything.
  private var completed: NamingCase {
    var full = self
    if result.isEmpty { full.result = "bound" }
    if shares.isEmpty, !bound.isEmpty, bound != "$" { full.shares = ["100 % \(bound)"] }
    let ends = ["negative": "~", "fail": "!", "empty": "$"]
    if let end = ends[full.result] { full.bound = end }
    return full
  }
}

extension NamingCase.Split {
  fileprivate init(_ text: String) {
    let halves = text.components(separatedBy: ": ")
    let head = halves[0].split(separator: " ").map(String.init)
    (name, prefix, onUnbound) = (head[0], head[1], head[2])
    for part in halves[1].components(separatedBy: "; ") {
      let words = part.split(separator: " ", maxSplits: 2).map(String.init)
      backends.append((words[0], Int(words[1]) ?? 0, words[2]))
    }
  }
}

/// Where requests go, added up: `90 % /#/registry/a`, to a hundredth of a per cent.
public struct Shares {
  private var parts: [String: Double] = [:]

  public init() {}

  /// - Parameter part: 0 to 1.
  public mutating func add(_ part: Double, to end: String) { parts[end, default: 0] += part }

  /// Those of nothing are left out.
  public var listed: [String] {
    parts.compactMap { end, part in
      let rounded = (part * 10_000).rounded() / 100
      return rounded == 0 ? nil : "\(rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") % \(end)"
    }.sorted()
  }

  /// What is left of a whole goes to `end`.
  public mutating func fill(with end: String) { add(max(0, 1 - parts.values.reduce(0, +)), to: end) }
}
