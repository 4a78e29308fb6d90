import ArgumentParser
import JSONFormat

struct ServicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "services", abstract: "The registry: services and their endpoints.",
    subcommands: [List.self, Get.self, Register.self, Remove.self], defaultSubcommand: List.self)

  struct List: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Lists the services.", discussion: "EXAMPLE\n  heddle services list")
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.list(session.path("services"), member: "services")
      try session.show(answer) {
        var table = Table(["SERVICE", "PROTOCOL", "TTL", "ENDPOINTS"], numeric: ["ENDPOINTS"])
        for service in answer["services"]?.items ?? [] {
          let count = service["endpoints"]?.items?.count ?? service["endpoint_count"]?.integer ?? 0
          table.add(
            .init(service["name"]?.plain ?? ""), .init(service["protocol"]?.plain ?? ""),
            .init(service["ttl"]?.plain ?? ""),
            .init("\(count)", count == 0 ? .yellow : .plain))
        }
        return table.render(on: session.terminal)
      }
    }
  }

  struct Get: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Shows a service's endpoints.", discussion: "EXAMPLE\n  heddle services get users-v1")
    @Argument var name: String
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let answer = try session.get(session.path("services", name))
      try session.show(answer) {
        var table = Table(["ADDRESS", "WEIGHT", "ZONE", "TTL", "STATE", "METADATA"], numeric: ["WEIGHT"])
        for endpoint in answer["endpoints"]?.items ?? [] {
          table.add(
            .init(endpoint["address"]?.plain ?? ""), .init(endpoint["weight"]?.plain ?? "1"),
            .init(endpoint["zone"]?.plain ?? ""), .init(endpoint["ttl"]?.plain ?? ""),
            .init(endpoint["state"]?.plain ?? ""), .init(endpoint["metadata"]?.plain ?? "", .faint))
        }
        return table.render(on: session.terminal)
      }
    }
  }

  struct Register: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Registers endpoints; the service is made when it is new.",
      discussion: """
        EXAMPLES
          heddle services register users-v1 10.0.0.1:8080 10.0.0.2:8080
          heddle services register users-v1 10.0.0.3:8080 --ttl 30s   # leaves unless renewed
        """)
    @Argument var name: String
    @Argument(help: "HOST:PORT; [::1]:80 for IPv6.") var addresses: [String]
    @Option(help: "Relative weight; 0 takes no new requests.") var weight: String?
    @Option var zone: String?
    @Option(help: "Lease: renewed by registering again, or the endpoint leaves.") var ttl: DurationArgument?
    @Option(help: ArgumentHelp("KEY=VALUE, more than once.", valueName: "pair")) var metadata: [String] = []
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let body = try body()
      for address in addresses {
        let call = APICall(
          "PUT", session.path("services", name, "endpoints", address),
          headers: [.init("content-type", "application/json")],
          body: body.printed)
        let answer = try session.document(try session.accepted(call))
        try session.show(answer) { "registered \(address) with \(name)\n" }
      }
    }

    private func body() throws(ConsoleError) -> JSON {
      var members: [JSON.Member] = []
      if let weight {
        guard let number = WeightText.number(weight) else { throw .usage("'\(weight)' is no weight") }
        members.append(.init("weight", number))
      }
      if let zone { members.append(.init("zone", .string(zone))) }
      if let ttl { members.append(.init("ttl", .string(ttl.text))) }
      var pairs: [JSON.Member] = []
      for pair in metadata {
        let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard halves.count == 2, !halves[0].isEmpty else { throw .usage("'\(pair)': expected KEY=VALUE") }
        pairs.append(.init(halves[0], .string(halves[1])))
      }
      if !pairs.isEmpty { members.append(.init("metadata", .object(pairs))) }
      return .object(members)
    }
  }

  struct Remove: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Removes endpoints, or the whole service when no address is given.",
      discussion: "EXAMPLES\n  heddle services remove users-v1 10.0.0.1:8080\n  heddle services remove users-v1")
    @Argument var name: String
    @Argument var addresses: [String] = []
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      if addresses.isEmpty {
        return try session.change("DELETE", session.path("services", name), options: write) { _ in
          "removed service \(name)"
        }
      }
      for address in addresses {
        let answer = try session.accepted(APICall("DELETE", session.path("services", name, "endpoints", address)))
        try session.show(try session.document(answer)) { "removed \(address) from \(name)\n" }
      }
    }
  }
}
