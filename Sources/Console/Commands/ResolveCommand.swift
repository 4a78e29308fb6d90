import ArgumentParser

struct ResolveCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "How a name binds, step by step: which rule and revision made each step, endpoints at the leaves.",
    discussion: """
      EXAMPLES
        heddle resolve /svc/users
        heddle resolve /svc/users --dtab '/svc/users => /#/registry/users-staging'
        heddle resolve /svc/users --revision 41
      """)
  @Argument(help: "A logical name, e.g. /svc/users.") var name: String
  @Option(help: "A request's own rules (l5d-dtab) on top.") var dtab: String?
  @Option(help: "As it was at this revision.") var revision: UInt64?
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    if let dtab { try NameText.check(dtab: dtab, file: "--dtab") }
    let query = Query(["name": name, "dtab": dtab, "revision": revision.map { "\($0)" }])
    let answer = try session.get(session.path("resolve"), query: query)
    try session.show(answer) { ResolutionTree(on: session.terminal).render(answer) }
  }
}
