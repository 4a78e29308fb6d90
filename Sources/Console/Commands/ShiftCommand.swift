import ArgumentParser
import JSONFormat

/// The one command that an operator types with a pulse: it says what it did and how far it got.
struct ShiftCommand: Verb {
  static let configuration = CommandConfiguration(
    commandName: "shift", abstract: "Moves a split's weights.",
    discussion: """
      `v1=50 v2=50` sets relative weights, backends not named keep theirs. `v2=10%` gives v2 exactly that share and
      lets the others keep their proportions.

      EXAMPLES
        heddle shift users v2=10% --wait
        heddle shift users v1=50 v2=50 --reason 'canary looks well'
      """)
  @Argument(help: "The split's name.") var split: String
  @Argument(help: ArgumentHelp("BACKEND=WEIGHT or BACKEND=PERCENT%.", valueName: "weight")) var weights: [String]
  @Flag(help: "Let all weights be zero: requests then get 503 no-endpoints.") var allowZero = false
  @OptionGroup var write: WriteOptions
  @OptionGroup var common: CommonOptions

  func execute(in session: Session) throws(ConsoleError) {
    var body = try Self.body(weights)
    if allowZero, case .object(let members) = body { body = .object(members + [.init("allow_zero", true)]) }
    try session.change("PATCH", session.path("splits", split), body: body, options: write) { answer in
      let backends = ((answer["split"] ?? answer)["backends"]?.items ?? []).map {
        "\($0["name"]?.plain ?? "?") \(Figures.percent($0["share"]?.double))"
      }
      return ([split + ":"] + [backends.isEmpty ? weights.joined(separator: " ") : backends.joined(separator: ", ")])
        .joined(separator: " ")
    }
  }

  /// `{"weights": {…}}` or `{"percent": {…}}`; the two do not mix, since their sum would mean nothing.
  static func body(_ arguments: [String]) throws(ConsoleError) -> JSON {
    var weights: [JSON.Member] = []
    var percents: [JSON.Member] = []
    for argument in arguments {
      let halves = argument.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
      guard halves.count == 2, !halves[0].isEmpty else {
        throw .usage("'\(argument)': expected BACKEND=WEIGHT or BACKEND=PERCENT%")
      }
      let isPercent = halves[1].hasSuffix("%")
      let number = isPercent ? String(halves[1].dropLast()) : halves[1]
      guard let weight = WeightText.number(number) else { throw .usage("'\(argument)': '\(halves[1])' is no weight") }
      guard !(weights + percents).contains(where: { $0.name == halves[0] }) else {
        throw .usage("\(halves[0]) is named twice")
      }
      if isPercent {
        percents.append(.init(halves[0], weight))
      } else {
        weights.append(.init(halves[0], weight))
      }
    }
    guard weights.isEmpty || percents.isEmpty else { throw .usage("weights and per cent do not mix in one shift") }
    guard !weights.isEmpty || !percents.isEmpty else { throw .usage("name at least one backend, e.g. v2=10%") }
    return weights.isEmpty ? ["percent": .object(percents)] : ["weights": .object(weights)]
  }
}
