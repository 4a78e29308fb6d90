import ArgumentParser
import JSONFormat

struct RoutesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "routes", abstract: "HTTP routes: host, path, method, header or parameter → logical name.",
    subcommands: [List.self, Get.self, Set.self, Remove.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the routes.", discussion: "EXAMPLE\n  heddle routes list")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("routes"), member: "routes")
      try session.show(answer) { RouteTable.render(answer["routes"]?.items ?? [], on: session.terminal) }
    }
  }

  struct Get: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows one route.", discussion: "EXAMPLE\n  heddle routes get canary -o yaml")
    @Argument var name: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.get(session.path("routes", name))
      try session.show(answer) { RouteTable.render([answer], on: session.terminal) }
    }
  }

  struct Set: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Creates or replaces a route, from options or from a file.",
      discussion: """
        The options make a route with one match; a file (-f, YAML or JSON) can say everything that a route can.

        EXAMPLES
          heddle routes set canary --host shop.example.com --header x-canary=yes --to /svc/shop-canary
          heddle routes set api --path-prefix /api --to /svc/api --strip
          heddle routes set old --path-exact /old --redirect https://shop.example.com/new
          heddle routes set maintenance -f maintenance.yaml
        """)
    @Argument var name: String
    @Option(name: [.customShort("f"), .long], help: "File with the route, or - for standard input.") var file: String?
    @Option(help: "Host, or *.example.com; may be repeated. None: every host.") var host: [String] = []
    @Option(help: "Whole path.") var pathExact: String?
    @Option(help: "First segments of the path.") var pathPrefix: String?
    @Option(help: "Pattern of the whole path.") var pathRegex: String?
    @Option(help: "Method, e.g. GET.") var method: String?
    @Option(
      help: ArgumentHelp(
        "Header that must have this value, or without a value be there; may be repeated.", valueName: "name[=value]"))
    var header: [String] = []
    @Option(help: ArgumentHelp("Query parameter, as --header.", valueName: "name[=value]")) var query: [String] = []
    @Option(help: "Logical name that takes the requests.") var to: String?
    @Flag(help: "The service does not see what --path-prefix matched.") var strip = false
    @Option(help: ArgumentHelp("Sends callers there: SCHEME://HOST[:PORT][/PATH].", valueName: "url")) var redirect:
      String?
    @Option(help: "Answers with this status.") var respond: Int?
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let body: JSON
      if let file {
        guard !isGivenByOptions else { throw .usage("a route comes from -f or from options, not from both") }
        let documents = try JSON.documents(yaml: try session.read(file), file: file)
        guard documents.count == 1 else { throw .usage("\(file): expected one route, found \(documents.count)") }
        body = .object((documents[0].members ?? []).filter { !["kind", "name"].contains($0.name) })
      } else {
        body = try bodyOfOptions()
      }
      try session.change("PUT", session.path("routes", name), body: body, options: write) { _ in "route \(name) stored"
      }
    }

    private var isGivenByOptions: Bool {
      !host.isEmpty || !header.isEmpty || !query.isEmpty || strip || respond != nil
        || [pathExact, pathPrefix, pathRegex, method, to, redirect].contains { $0 != nil }
    }

    func bodyOfOptions() throws(ConsoleError) -> JSON {
      var members: [JSON.Member] = []
      if !host.isEmpty { members.append(.init("hosts", .array(host.map { .string($0) }))) }
      let match = matchMembers
      if !match.isEmpty { members.append(.init("matches", .array([.object(match)]))) }
      guard [to != nil, redirect != nil, respond != nil].filter({ $0 }).count == 1 else {
        throw .usage("a route needs one of --to, --redirect and --respond")
      }
      if let to { members.append(.init("to", .string(to))) }
      if strip {
        guard to != nil, pathPrefix != nil else { throw .usage("--strip needs --path-prefix and --to") }
        members.append(.init("rewrite", ["prefix": ""]))
      }
      if let redirect { members.append(.init("redirect", try Self.redirect(redirect))) }
      if let respond { members.append(.init("respond", ["status": .integer(Int64(respond))])) }
      return .object(members)
    }

    private var matchMembers: [JSON.Member] {
      var match: [JSON.Member] = []
      let path = [("exact", pathExact), ("prefix", pathPrefix), ("regex", pathRegex)].compactMap { kind, text in
        text.map { JSON.Member(kind, .string($0)) }
      }
      if !path.isEmpty { match.append(.init("path", .object(path))) }
      if let method { match.append(.init("method", .string(method))) }
      if !header.isEmpty { match.append(.init("headers", .array(header.map(Self.condition)))) }
      if !query.isEmpty { match.append(.init("query", .array(query.map(Self.condition)))) }
      return match
    }

    private static func condition(_ text: String) -> JSON {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return [
        "name": .string(parts[0]), parts.count == 2 ? "exact" : "present": parts.count == 2 ? .string(parts[1]) : true,
      ]
    }

    /// `https://host:port/path` as the fields of a redirect.
    static func redirect(_ url: String) throws(ConsoleError) -> JSON {
      guard let colon = url.range(of: "://") else {
        throw .usage("'\(url)': a redirect is SCHEME://HOST[:PORT][/PATH]")
      }
      let rest = url[colon.upperBound...]
      let slash = rest.firstIndex(of: "/") ?? rest.endIndex
      let authority = rest[..<slash].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      var members: [JSON.Member] = [
        .init("scheme", .string(String(url[..<colon.lowerBound]))), .init("host", .string(String(authority[0]))),
      ]
      if authority.count == 2 {
        guard let port = UInt16(authority[1]) else { throw .usage("'\(url)': \(authority[1]) is no port") }
        members.append(.init("port", .integer(Int64(port))))
      }
      if slash < rest.endIndex { members.append(.init("path", .string(String(rest[slash...])))) }
      return .object(members)
    }
  }

  struct Remove: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Removes a route; what it matched goes to the next that matches, or by its host.",
      discussion: "EXAMPLE\n  heddle routes remove canary --wait")
    @Argument var name: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("DELETE", session.path("routes", name), options: write) { _ in "removed route \(name)" }
    }
  }
}

/// Routes for people: one line for each match.
enum RouteTable {
  static func render(_ routes: [JSON], on terminal: Terminal) -> String {
    var table = Table(["ROUTE", "HOSTS", "MATCH", "ACTION"])
    for route in routes {
      let matches = route["matches"]?.items ?? []
      let lines = matches.isEmpty ? ["everything"] : matches.map(match)
      for (index, line) in lines.enumerated() {
        let hosts = (route["hosts"]?.items ?? []).map(\.plain).joined(separator: ", ")
        table.add(
          .init(index == 0 ? route["name"]?.plain ?? "" : ""), .init(index == 0 ? (hosts.isEmpty ? "*" : hosts) : ""),
          .init(line), .init(index == 0 ? action(route) : ""))
      }
    }
    return table.render(on: terminal)
  }

  private static func match(_ match: JSON) -> String {
    var parts: [String] = []
    if let method = match["method"] { parts.append(method.plain) }
    if let path = match["path"]?.members?.first {
      parts.append(
        path.name == "exact"
          ? path.value.plain : path.name == "prefix" ? "\(path.value.plain)…" : "~\(path.value.plain)")
    }
    parts += (match["headers"]?.items ?? []).map { condition($0) }
    parts += (match["query"]?.items ?? []).map { "?" + condition($0) }
    return parts.isEmpty ? "everything" : parts.joined(separator: " ")
  }

  private static func condition(_ field: JSON) -> String {
    let name = field["name"]?.plain ?? ""
    if let exact = field["exact"] { return "\(name)=\(exact.plain)" }
    if let regex = field["regex"] { return "\(name)~\(regex.plain)" }
    return name
  }

  private static func action(_ route: JSON) -> String {
    if let to = route["to"] {
      let rewrite = (route["rewrite"]?.members ?? []).map { "\($0.name)=\($0.value.printedText)" }
      return ([to.plain] + (rewrite.isEmpty ? [] : ["rewrite " + rewrite.joined(separator: " ")])).joined(
        separator: ", ")
    }
    if let redirect = route["redirect"] {
      let target = (redirect.members ?? []).filter { $0.name != "status" }.map { "\($0.name)=\($0.value.plain)" }
      return "redirect \(redirect["status"]?.plain ?? "302") " + target.joined(separator: " ")
    }
    return "answer \(route["respond"]?["status"]?.plain ?? "")"
  }
}
