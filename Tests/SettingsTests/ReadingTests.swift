import Testing

@testable import Settings

@Suite("Reading settings")
struct ReadingTests {
  private let table = SettingsTable([
    Setting("node", .text, environment: "HEDDLE_NODE", option: "--node", "The name."),
    Setting("outbound.listen", .text, standard: "127.0.0.1:4140", "Where."),
    Setting("outbound.timeouts.connect", .duration(.milliseconds(1) ... .seconds(60)), standard: "1s", "How long."),
    Setting("limits.body", .size(0...Int.max), standard: "64KiB", "How much."),
    Setting("workers", .integer(1...64), standard: "2", environment: "HEDDLE_WORKERS", "How many."),
    Setting("insecure_listen", .boolean, standard: "false", "Whether."),
    Setting("log.format", .choice(["text", "json"]), standard: "text", "Which."),
    Setting("mesh", .texts, environment: "HEDDLE_MESH", option: "--mesh", "Whom."),
    Setting("labels", .pairs, environment: "HEDDLE_LABELS", "What."),
    Setting("namers", .tree, "Structure."),
  ])

  private func read(
    _ text: String, environment: [String: String] = [:], options: [(name: String, value: String)] = []
  ) throws -> SettingsValues {
    try table.read(file: Node(yaml: Array(text.utf8)), environment: { environment[$0] }, options: options)
  }

  private func problems(_ text: String, environment: [String: String] = [:]) -> [String] {
    do {
      _ = try read(text, environment: environment)
      return []
    } catch let error as SettingsError {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test("Defaults, file, environment and options, each over the one before")
  func precedence() throws {
    let text =
      "node: file\nworkers: 3\nmesh: a:1\nlabels: {x: y}\nnamers: [{kind: k}]\noutbound: {timeouts: {connect: 250ms}}\n"
    let plain = try read(text)
    #expect(plain.text("node") == "file")
    #expect(plain.text("outbound.listen") == "127.0.0.1:4140")
    #expect(plain.origin("outbound.listen") == .standard)
    #expect(plain.duration("outbound.timeouts.connect") == .milliseconds(250))
    #expect(plain.origin("outbound.timeouts.connect") == .file(Mark(line: 6, column: 32)))
    #expect(plain.size("limits.body") == 65_536)
    #expect(plain.boolean("insecure_listen") == false)
    #expect(plain.texts("mesh") == ["a:1"])
    #expect(plain.pairs("labels") == ["x": "y"])
    #expect(plain.tree("namers") != nil)
    let over = try read(
      text,
      environment: ["HEDDLE_NODE": "env", "HEDDLE_WORKERS": "5", "HEDDLE_MESH": "b:1, c:2", "HEDDLE_LABELS": "p=q"],
      options: [("--node", "option")])
    #expect(over.text("node") == "option")
    #expect(over.integer("workers") == 5)
    #expect(over.texts("mesh") == ["b:1", "c:2"])
    #expect(over.pairs("labels") == ["p": "q"])
    #expect(over.origin("workers") == .environment("HEDDLE_WORKERS"))
  }

  @Test("Unknown keys name the place and the nearest key")
  func unknown() {
    #expect(
      problems("node: x\noutbound:\n    lisen: 1\n") == [
        "outbound.lisen: unknown key, line 3 column 5; did you mean listen?"
      ])
    #expect(problems("zzzzzz: 1\n") == ["zzzzzz: unknown key, line 1 column 1"])
    #expect(problems("outbound: 3\n") == ["outbound: expected a mapping, found \"3\", line 1 column 11"])
  }

  @Test("All problems come at once, with what was expected")
  func wrongTypes() {
    let found = problems(
      "workers: many\ninsecure_listen: perhaps\nlog: {format: xml}\noutbound: {timeouts: {connect: 5}}\nnode: [a]\n",
      environment: ["HEDDLE_LABELS": "nothing"])
    #expect(
      Set(found) == [
        "workers: expected an integer from 1 to 64, found \"many\", line 1 column 10",
        "insecure_listen: expected true or false, found \"perhaps\", line 2 column 18",
        "log.format: expected one of text, json, found \"xml\", line 3 column 15",
        "outbound.timeouts.connect: expected a duration from 1ms to 1m, found \"5\", line 4 column 32",
        "node: expected a text, found a list, line 5 column 7",
        "labels: expected a mapping of texts, found \"nothing\", HEDDLE_LABELS",
      ])
  }

  @Test("An empty variable and a null value count as unset")
  func unset() throws {
    let values = try read("workers: ~\nnode:\n", environment: ["HEDDLE_WORKERS": ""])
    #expect(values.integer("workers") == 2)
    #expect(values.text("node") == nil)
  }

  @Test(
    "Durations",
    arguments: [
      ("250ms", 250_000), ("1s", 1_000_000), ("5m", 300_000_000), ("2h", 7_200_000_000), ("10us", 10), ("0s", 0),
      ("5", nil), ("ms", nil), ("1.5s", nil), ("-1s", nil), ("1 s", nil), ("99999999999999999999s", nil),
      ("9223372036854775807h", nil), ("4000000h", nil), ("", nil),
    ] as [(String, Int?)])
  func durations(_ text: String, _ microseconds: Int?) {
    #expect(Scalar.duration(text) == microseconds.map { Duration.microseconds($0) })
    if let duration = Scalar.duration(text) { #expect(Scalar.duration(Scalar.text(duration)) == duration) }
  }

  @Test(
    "Sizes",
    arguments: [
      ("0", 0), ("64KiB", 65_536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("7B", 7), ("1MB", nil),
      ("99999999999GiB", nil), ("KiB", nil),
    ] as [(String, Int?)])
  func sizes(_ text: String, _ bytes: Int?) {
    #expect(Scalar.size(text) == bytes)
  }

  @Test("A reader of a free structure reports unknown keys and wrong types with their path")
  func reader() throws {
    let root = try Node(yaml: Array("list:\n  - kind: a\n    nmes: 1\n  - kind: [x]\n".utf8))
    let problems = ProblemList()
    let reader = Reader(root, problems: problems)
    for item in reader.readers("list") {
      _ = item.text("kind")
      _ = item.entries("names")
      item.finish()
    }
    reader.finish()
    #expect(
      problems.problems.map(\.description) == [
        "list[0].nmes: unknown key, line 3 column 5; did you mean names?",
        "list[1].kind: expected a text, found a list, line 4 column 11",
      ])
    #expect(throws: SettingsError.self) { try problems.check() }
  }
}
