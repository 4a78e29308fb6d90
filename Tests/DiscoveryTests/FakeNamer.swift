import MeshProtocol
import Settings
import Synchronization
import SystemIO
import Telemetry
import TestSupport

@testable import Discovery

/// Waits are bounded by this; nothing is expected to take so long.
let patience = Duration.seconds(20)

func path(_ text: String) -> Path { (try? Path(parsing: text)) ?? .root }

let silent = Log(clock: { 0 }, write: { _ in })

/// A namer that says at once what its settings say of a name.
struct FakeSettings: NamerSettings {
  static let kind = "fake"
  var answers: [String: String] = [:]
  var segments: Int?

  init(answers: [String: String]) { self.answers = answers }

  init(_ reader: Reader) {
    segments = reader.integer("segments", in: 1...9)
    for entry in reader.entries("answers") ?? [] {
      if case .text(let text, _) = entry.value.content { answers[entry.key] = text }
    }
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer {
    if answers["/broken"] != nil { throw SystemError(code: 2, call: "fake") }
    return FakeNamer(self)
  }
}

private final class FakeNamer: Namer {
  let settings: FakeSettings
  var segments: Int? { settings.segments }
  init(_ settings: FakeSettings) { self.settings = settings }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    if let address = settings.answers["\(name)"] {
      tell(.bound(BoundName(taken: name.count, endpoints: [FoundEndpoint(address: address)])))
    } else if settings.answers["/silent"] == nil {
      tell(.negative("no \(name)"))
    }
    return EndedWatch()
  }
}

/// Collects from other threads.
final class Told: Sendable {
  private let states = Mutex<[DiscoveredName]>([])

  func add(_ state: DiscoveredName) { states.withLock { $0.append(state) } }
  var all: [DiscoveredName] { states.withLock { $0 } }

  /// The newest state of a name that satisfies, waited for.
  func wait(_ name: Path, _ isEnough: (DiscoveredName) -> Bool) async -> DiscoveredName? {
    let end = Instant.now() + patience
    while Instant.now() < end {
      if let state = all.last(where: { $0.name == name }), isEnough(state) { return state }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return nil
  }
}

func configuration(_ yaml: String, kinds: [any NamerSettings.Type] = NamerKinds.all) throws -> NamerConfiguration {
  let problems = ProblemList()
  let node = try Node(yaml: Array(yaml.utf8))
  let configuration = NamerConfiguration(node["namers"], kinds: kinds, problems: problems)
  try problems.check()
  return configuration
}
