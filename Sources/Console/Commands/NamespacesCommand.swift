import ArgumentParser

struct NamespacesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "namespaces", abstract: "Namespaces: each has its own rules, splits, services and revision.",
    subcommands: [List.self, Create.self, Remove.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(abstract: "Lists the namespaces.")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list("/v1/namespaces", member: "namespaces")
      try session.show(answer) {
        var table = Table(["NAMESPACE", "REVISION"], numeric: ["REVISION"])
        for item in answer["namespaces"]?.items ?? [] {
          table.add(.init(item.text ?? item["name"]?.plain ?? ""), .init(item["revision"]?.plain ?? ""))
        }
        return table.render(on: session.terminal)
      }
    }
  }

  struct Create: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Makes a namespace.", discussion: "EXAMPLE\n  heddle namespaces create staging")
    @Argument var name: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("PUT", "/v1/namespaces/" + Query.encoded(name), body: .object([]), options: write) { _ in
        "namespace \(name) made"
      }
    }
  }

  struct Remove: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Deletes a namespace with all it holds.", discussion: "EXAMPLE\n  heddle namespaces remove staging")
    @Argument var name: String
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      try session.change("DELETE", "/v1/namespaces/" + Query.encoded(name), options: write) { _ in
        "removed namespace \(name)"
      }
    }
  }
}
