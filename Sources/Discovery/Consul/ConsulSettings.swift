import MeshProtocol
import Serving
import Settings

/// `kind: io.l5d.consul`
struct ConsulSettings: NamerSettings {
  static let kind = "io.l5d.consul"

  /// How current an answer must be (Consul's documentation, "Consistency modes").
  enum Consistency: String, CaseIterable, Sendable {
    case standard = "default"
    case stale, consistent
  }

  /// The share of a tag's instances.
  struct TagWeight: Hashable, Sendable {
    let tag: String
    let weight: Double
  }

  let place: SourcePlace
  let includesTag: Bool
  let token: Secret.Origin?
  /// Check states with which an instance takes requests.
  let healthStates: Set<String>
  let consistency: Consistency
  /// The instance's own address before its node's.
  let prefersServiceAddress: Bool
  let weights: [TagWeight]
  /// Endpoints carry the instance's `Meta`.
  let transfersMetadata: Bool

  init(_ reader: Reader) {
    place = reader.place(host: "localhost", port: 8500)
    includesTag = reader.boolean("includeTag") ?? false
    token = reader.secret("token")
    let states = reader.texts("healthStatuses") ?? ["passing"]
    if states.isEmpty || !states.allSatisfy({ ["passing", "warning", "critical"].contains($0) }) {
      reader.fault("healthStatuses", "expected some of passing, warning, critical")
    }
    healthStates = Set(states)
    let mode = reader.text("consistencyMode") ?? "default"
    consistency = Consistency(rawValue: mode) ?? .standard
    if Consistency(rawValue: mode) == nil { reader.fault("consistencyMode", "expected default, stale or consistent") }
    prefersServiceAddress = reader.boolean("preferServiceAddress") ?? true
    transfersMetadata = reader.boolean("transferMetadata") ?? false
    weights = Self.weights(reader)
  }

  private static func weights(_ reader: Reader) -> [TagWeight] {
    var weights: [TagWeight] = []
    for item in reader.readers("weights") {
      let tag = item.text("tag")
      let weight = item.text("weight").flatMap { Double($0) }
      item.finish()
      guard let tag, let weight, weight.isFinite, weight >= 0 else {
        item.fault("weight", "expected a tag and a weight from 0")
        continue
      }
      weights.append(TagWeight(tag: tag, weight: weight))
    }
    return weights
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer { try ConsulNamer(context, self) }
}
