import ArgumentParser

struct ResolveCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "How a name binds, step by step: which rule and revision made each step, endpoints at the leaves.",
    discussion: """
      EXAMPLES
        heddle resolve /svc/users
        heddle resolve /svc/users --dtab '/svc/users => /#/registry/users-staging'
        heddle resolve /svc/users --context '/svc/auth => /svc/auth-staging'
        heddle resolve /svc/users --revision 41

      `▸` marks where requests go. A step shows the rule that made it, with the revision that made the rule; a branch, its
      share; a leaf, its first endpoints.
      """)
  @Argument(help: "A logical name, e.g. /svc/users.") var name: String
  @Option(help: "A request's own rules (l5d-dtab) on top.") var dtab: String?
  @Option(help: "Rules of the calls before (l5d-ctx-dtab), below those of the request.") var context: String?
  @Option(help: "By the rules of this revision, with what is discovered now.") var revision: UInt64?
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    if let dtab { try NameText.check(dtab: dtab, file: "--dtab") }
    if let context { try NameText.check(dtab: context, file: "--context") }
    let query = Query(["name": name, "dtab": dtab, "context": context, "revision": revision.map { "\($0)" }])
    let answer = try session.get(session.path("resolve"), query: query)
    try session.show(answer) { ResolutionTree(on: session.terminal).render(answer) }
  }
}
