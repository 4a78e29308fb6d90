import ArgumentParser
import JSONFormat

struct AuthzCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "authz", abstract: "Authorizations: who may call which workload, with which methods and paths.",
    discussion: """
      A workload that no authorization targets takes calls from everybody. As soon as one targets it, only what a rule of
      any of them allows gets through.
      """,
    subcommands: [List.self, Get.self, Set.self, Delete.self, Check.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the authorizations.", discussion: "EXAMPLE\n  heddle authz list")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("authorizations"), member: "authorizations")
      try session.show(answer) {
        AuthorizationList.render(answer["authorizations"]?.items ?? [], on: session.terminal)
      }
    }
  }

  struct Get: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows one authorization.", discussion: "EXAMPLE\n  heddle authz get users -o yaml")
    @Argument var name: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.get(session.path("authorizations", name))
      try session.show(answer) { AuthorizationList.render([answer], on: session.terminal) }
    }
  }

  struct Delete: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Deletes an authorization; a workload that no other one targets takes calls from everybody then.",
      discussion: "EXAMPLE\n  heddle authz delete users --wait")
    @Argument var name: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("DELETE", session.path("authorizations", name), options: write) { _ in
        "deleted authorization \(name)"
      }
    }
  }
}

extension AuthzCommand {
  struct Set: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Creates or replaces an authorization, from options or from a file.",
      discussion: """
        The options make an authorization with one rule; a file (-f, YAML or JSON) can have many. A caller is an identity of
        the namespace (web), one of another (ns/other/sa/web), a whole SPIFFE ID, * for every identity of the mesh, or
        anyone for callers without one, too.

        EXAMPLES
          heddle authz set users --target users --from web --from ns/jobs/sa/nightly
          heddle authz set users --target users --from web --method GET --path /api --mode dry_run
          heddle authz set locked --target ledger --nobody
          heddle authz set users -f users.yaml --wait
        """)
    @Argument var name: String
    @Option(name: [.customShort("f"), .long], help: "File with the authorization, or - for standard input.")
    var file: String?
    @Option(help: "Workload identity that is called, or * for every one of the namespace.") var target: String?
    @Option(help: "enforce (the default), or dry_run: refuses nothing, and counts what it would refuse.")
    var mode: String?
    @Option(help: "Caller; may be repeated.") var from: [String] = []
    @Option(help: "Method, e.g. GET; may be repeated. None: every method.") var method: [String] = []
    @Option(help: "First segments of the path; may be repeated. None: every path.") var path: [String] = []
    @Flag(help: "Without any rule: nobody may call.") var nobody = false
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let body: JSON
      if let file {
        guard target == nil, mode == nil, from.isEmpty, method.isEmpty, path.isEmpty, !nobody else {
          throw .usage("an authorization comes from -f or from options, not from both")
        }
        let documents = try JSON.documents(yaml: try session.read(file), file: file)
        guard documents.count == 1 else {
          throw .usage("\(file): expected one authorization, found \(documents.count)")
        }
        body = .object((documents[0].members ?? []).filter { !["kind", "name"].contains($0.name) })
      } else {
        body = try bodyOfOptions()
      }
      try session.change("PUT", session.path("authorizations", name), body: body, options: write) { _ in
        "authorization \(name) stored"
      }
    }

    private func bodyOfOptions() throws(ConsoleError) -> JSON {
      guard let target else { throw .usage("an authorization needs --target, or a file with -f") }
      guard nobody != !from.isEmpty else { throw .usage("an authorization needs either --from or --nobody") }
      guard !nobody || method.isEmpty && path.isEmpty else {
        throw .usage("--nobody has neither --method nor --path: nothing is allowed")
      }
      var members: [JSON.Member] = [.init("target", .string(target))]
      if let mode { members.append(.init("mode", .string(mode))) }
      var rule: [JSON.Member] = [.init("from", .array(from.map(JSON.string)))]
      if !method.isEmpty { rule.append(.init("methods", .array(method.map(JSON.string)))) }
      if !path.isEmpty { rule.append(.init("paths", .array(path.map(JSON.string)))) }
      members.append(.init("rules", .array(nobody ? [] : [.object(rule)])))
      return .object(members)
    }
  }

  struct Check: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Says whether a caller may send a request to a workload, and which authorization and rule decide.",
      discussion: """
        The controller answers by the same code that decides in the proxies.

        EXAMPLES
          heddle authz check --from web --to users
          heddle authz check --from ns/other/sa/web --to users --method POST --path /api/users
          heddle authz check --to users --exit-code || echo closed to strangers
          heddle authz check --from web --to ledger --bytes
        """)
    @Option(help: "Caller; without it one without an identity.") var from: String?
    @Option(help: "Workload identity that is called.") var to: String
    @Option(help: "Method (default GET).") var method: String?
    @Option(help: "Path (default /).") var path: String?
    @Flag(help: "A connection of bytes, which has neither method nor path.") var bytes = false
    @Flag(help: "Exit 1 when it is denied.") var exitCode = false
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      var query = Query(["from": from, "to": to, "method": method, "path": path])
      if bytes { query.set("bytes", "true") }
      let answer = try session.get(session.path("authorizations") + ":check", query: query)
      try session.show(answer) { AuthorizationVerdict.render(answer, on: session.terminal) }
      if exitCode, answer["allowed"]?.isTrue != true { throw .failed("it is denied") }
    }
  }
}
