import ArgumentParser
import JSONFormat

struct SplitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "split", abstract: "Weighted backends of a logical name.",
    subcommands: [List.self, Get.self, Set.self, Remove.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the splits.", discussion: "EXAMPLE\n  heddle split list")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("splits"), member: "splits")
      try session.show(answer) { SplitTable.render(answer["splits"]?.items ?? [], on: session.terminal) }
    }
  }

  struct Get: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows one split.", discussion: "EXAMPLE\n  heddle split get users")
    @Argument var name: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.get(session.path("splits", name))
      try session.show(answer) { SplitTable.render([answer], on: session.terminal) }
    }
  }

  struct Set: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Creates or replaces a split.",
      discussion: """
        EXAMPLE
          heddle split set users --prefix /svc/users 'v1=90*/#/registry/users-v1' 'v2=10*/#/registry/users-v2'
        """)
    @Argument var name: String
    @Argument(help: ArgumentHelp("Backends, each NAME=WEIGHT*DESTINATION.", valueName: "backend")) var backends:
      [String]
    @Option(help: "Prefix of logical names (default: /svc/<name>).") var prefix: String?
    @Option(help: "guard, redistribute or fail: what becomes of a share whose backend is not bound.") var onUnbound:
      String?
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let prefix = prefix ?? "/svc/" + name
      try NameText.check(prefix: prefix)
      var list: [JSON] = []
      for backend in backends { list.append(try Self.backend(backend)) }
      var members: [JSON.Member] = [.init("prefix", .string(prefix)), .init("backends", .array(list))]
      if let onUnbound { members.append(.init("on_unbound", .string(onUnbound))) }
      try session.change("PUT", session.path("splits", name), body: .object(members), options: write) { _ in
        "split \(name) stored"
      }
    }

    static func backend(_ text: String) throws(ConsoleError) -> JSON {
      let halves = text.split(separator: "=", maxSplits: 1)
      let parts = halves.count == 2 ? halves[1].split(separator: "*", maxSplits: 1).map { String($0).trimmed } : []
      guard parts.count == 2, !halves[0].isEmpty, let weight = WeightText.number(parts[0]) else {
        throw .usage("'\(text)': a backend is NAME=WEIGHT*DESTINATION, e.g. 'v1=90*/#/registry/users-v1'")
      }
      try NameText.check(destination: parts[1])
      return ["name": .string(String(halves[0])), "destination": .string(parts[1]), "weight": weight]
    }
  }

  struct Remove: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Removes a split; the rules below it take over.", discussion: "EXAMPLE\n  heddle split remove users")
    @Argument var name: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("DELETE", session.path("splits", name), options: write) { _ in "removed split \(name)" }
    }
  }
}

enum SplitTable {
  static func render(_ splits: [JSON], on terminal: Terminal) -> String {
    var table = Table(["SPLIT", "PREFIX", "BACKEND", "WEIGHT", "SHARE", "DESTINATION"], numeric: ["WEIGHT", "SHARE"])
    for split in splits {
      for (index, backend) in (split["backends"]?.items ?? []).enumerated() {
        table.add(
          .init(index == 0 ? split["name"]?.plain ?? "" : ""), .init(index == 0 ? split["prefix"]?.plain ?? "" : ""),
          .init(backend["name"]?.plain ?? ""), .init(backend["weight"]?.plain ?? ""),
          .init(Figures.percent(backend["share"]?.double)), .init(backend["destination"]?.plain ?? ""))
      }
    }
    return table.render(on: terminal)
  }
}

enum WeightText {
  /// The JSON number that a weight may be; the controller checks its range.
  static func number(_ text: String) -> JSON? {
    guard let value = JSON.number(text: text), (value.double ?? -1) >= 0 else { return nil }
    return value
  }
}
