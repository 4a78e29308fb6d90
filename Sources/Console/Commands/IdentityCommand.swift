import ArgumentParser
import JSONFormat

struct IdentityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identity", abstract: "Who is who in the mesh: the authorities, and the tokens by which proxies join.",
    subcommands: [Show.self, Rotate.self, Activate.self, Token.self], defaultSubcommand: Show.self)

  struct Show: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows the trust domain and the authorities.", discussion: "EXAMPLE\n  heddle identity show")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.get("/v1/identity")
      try session.show(answer) { AuthorityTable.render(answer, on: session.terminal) }
    }
  }

  struct Rotate: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Makes a new root. It signs once all connected proxies trust it and the overlap is over.",
      discussion: "EXAMPLE\n  heddle identity rotate")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.document(try session.accepted(APICall("POST", "/v1/identity/authorities:rotate")))
      try session.show(answer) { AuthorityTable.render(answer, on: session.terminal) }
    }
  }

  struct Activate: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lets the new root sign now, without waiting for proxies that do not trust it yet.",
      discussion: "EXAMPLE\n  heddle identity activate")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.document(try session.accepted(APICall("POST", "/v1/identity/authorities:activate")))
      try session.show(answer) { AuthorityTable.render(answer, on: session.terminal) }
    }
  }

  struct Token: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "token", abstract: "Join tokens: each lets a proxy in, as one identity.",
      subcommands: [Create.self, List.self, Delete.self])
  }
}

extension IdentityCommand.Token {
  struct Create: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Makes a join token and prints it, this once.",
      discussion: """
        EXAMPLES
          heddle identity token create users
          heddle identity token create users --ttl 24h --uses 10 > users.token
        """)
    @Argument(help: "The identity that a proxy gets by it.") var identity: String
    @Option(help: "How long it lets somebody in (default 1h).") var ttl: String?
    @Option(help: "How many proxies it lets in (default 1).") var uses: Int?
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      var members: [JSON.Member] = [.init("identity", .string(identity))]
      if let ttl { members.append(.init("ttl", .string(ttl))) }
      if let uses { members.append(.init("uses", .integer(Int64(uses)))) }
      let call = APICall(
        "POST", session.path("join-tokens"), headers: [.init("content-type", "application/json")],
        body: JSON.object(members).printed)
      let answer = try session.document(try session.accepted(call))
      try session.tell(answer["token"]?.text ?? "", of: answer)
    }
  }

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the join tokens of the namespace, without their secrets.",
      discussion: "EXAMPLE\n  heddle identity token list")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("join-tokens"), member: "join_tokens")
      try session.show(answer) {
        var table = Table(["TOKEN", "IDENTITY", "USED", "EXPIRES", "MADE BY"])
        for token in answer["join_tokens"]?.items ?? [] {
          table.add(
            .init(token["id"]?.plain ?? ""), .init(token["identity"]?.plain ?? ""),
            .init("\(token["used"]?.plain ?? "?") of \(token["uses"]?.plain ?? "?")"),
            .init(token["expires_at"]?.plain ?? ""),
            .init(token["created_by"]?.plain ?? ""))
        }
        return table.render(on: session.terminal)
      }
    }
  }

  struct Delete: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Deletes a join token; proxies that have joined by it stay.",
      discussion: "EXAMPLE\n  heddle identity token delete 4f2a9c1d0b7e6a35")
    @Argument(help: "Its id, as list shows it.") var id: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      _ = try session.accepted(APICall("DELETE", session.path("join-tokens", id)))
      try session.show(["deleted": .string(id)]) { "deleted join token \(id)\n" }
    }
  }
}

enum AuthorityTable {
  static func render(_ answer: JSON, on terminal: Terminal) -> String {
    var table = Table(["AUTHORITY", "STATE", "EXPIRES", "KEPT IN", "PUBLIC KEY"])
    for authority in answer["authorities"]?.items ?? [] {
      let state = authority["state"]?.plain ?? ""
      table.add(
        .init(authority["id"]?.plain ?? ""), .init(state, paint(state)), .init(authority["not_after"]?.plain ?? ""),
        .init(authority["kept_in"]?.plain ?? ""), .init(String((authority["public_key_hash"]?.plain ?? "").prefix(16))))
    }
    return
      "trust domain \(answer["trust_domain"]?.plain ?? "?"), leaves live \(answer["leaf_lifetime"]?.plain ?? "?")\n"
      + table.render(on: terminal)
  }

  private static func paint(_ state: String) -> Paint {
    switch state {
    case "issuing": .green
    case "next", "trusted": .yellow
    default: .plain
    }
  }
}
