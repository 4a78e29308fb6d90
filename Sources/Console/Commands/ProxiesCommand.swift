import ArgumentParser
import JSONFormat

struct ProxiesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "proxies", abstract: "The proxies that the controller knows.",
    subcommands: [List.self, Forget.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the proxies of the namespace with the revision each runs.",
      discussion: "EXAMPLES\n  heddle proxies\n  heddle proxies list --all-namespaces")
    @Flag(name: [.customShort("A"), .long], help: "Of every namespace.") var allNamespaces = false
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let query = Query(["namespace": allNamespaces ? nil : session.namespace])
      let answer = try session.list("/v1/proxies", member: "proxies", query: query)
      try session.show(answer) { ProxyTable.render(answer["proxies"]?.items ?? [], on: session.terminal) }
    }
  }

  struct Forget: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Forgets a proxy that will not come back, so that --wait no longer counts it.",
      discussion: "EXAMPLE\n  heddle proxies forget node7-4f2a")
    @Argument var id: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      _ = try session.accepted(APICall("DELETE", "/v1/proxies/" + Query.encoded(id)))
      try session.show(["forgotten": .string(id)]) { "forgot proxy \(id)\n" }
    }
  }
}

enum ProxyTable {
  static func render(_ proxies: [JSON], on terminal: Terminal) -> String {
    var table = Table(
      ["PROXY", "NAMESPACE", "STATE", "REVISION", "ADDRESS", "VERSION", "LAST ERROR"], numeric: ["REVISION"])
    for proxy in proxies {
      let state = proxy["state"]?.plain ?? ""
      table.add(
        .init(proxy["id"]?.plain ?? ""), .init(proxy["namespace"]?.plain ?? ""), .init(state, paint(state)),
        .init((proxy["revision_acknowledged"] ?? proxy["acknowledged"] ?? proxy["revision"])?.plain ?? "-"),
        .init(proxy["address"]?.plain ?? ""), .init(proxy["version"]?.plain ?? ""),
        .init(proxy["last_error"]?.plain ?? "", .red))
    }
    return table.render(on: terminal)
  }

  static func paint(_ state: String) -> Paint {
    switch state {
    case "synced": .green
    case "pending", "stale": .yellow
    default: .red
    }
  }
}
