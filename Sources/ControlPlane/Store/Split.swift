import JSONFormat
import MeshProtocol

/// `prefix => w1 * d1 & w2 * d2` after all rules. Weights are kept exactly as they were written.
struct Split: Sendable, Equatable {
  struct Backend: Sendable, Equatable {
    let name: String
    let destination: NameTree<Path>
    /// Relative, 0 to `heaviest`.
    var weight: UInt32
  }

  let prefix: Prefix
  var backends: [Backend]
  let onUnbound: OnUnbound?

  static let heaviest: Int64 = 1_000_000
  /// More branches than anyone shifts between; each costs every proxy a subscription.
  static let mostBackends = 100

  var weightSum: UInt64 { backends.reduce(0) { $0 + UInt64($1.weight) } }

  var members: [JSON.Member] {
    let sum = weightSum
    return members { backend in
      [.init(name: "share", value: .number(sum == 0 ? 0 : Double(backend.weight) / Double(sum)))]
    }
  }

  var storedMembers: [JSON.Member] { members { _ in [] } }

  private func members(_ more: (Backend) -> [JSON.Member]) -> [JSON.Member] {
    let list = backends.map { backend in
      JSON.object(
        [
          .init(name: "name", value: .string(backend.name)),
          .init(name: "destination", value: .string(backend.destination.description)),
          .init(name: "weight", value: .integer(Int64(backend.weight))),
        ] + more(backend))
    }
    var members: [JSON.Member] = [
      .init(name: "prefix", value: .string(prefix.description)), .init(name: "backends", value: .array(list)),
    ]
    if let onUnbound { members.append(.init(name: "on_unbound", value: .string(onUnbound.rawValue))) }
    return members
  }
}

// MARK: reading

extension Split {
  /// - Parameter zeroAllowed: whether all weights may be 0; otherwise the body must say `allow_zero`.
  static func read(_ json: JSON, at pointer: Pointer, zeroAllowed: Bool, _ findings: inout Findings) -> Split? {
    var fields = Fields(json, at: pointer, &findings)
    let prefix = fields.required("prefix", longest: Rule.longestPrefix, &findings)
      .flatMap { NameText.prefix($0, at: fields.place("prefix"), &findings) }
    let backends = readBackends(&fields, &findings)
    let onUnbound = readOnUnbound(&fields, &findings)
    let allowZero = fields.bool("allow_zero", &findings) ?? zeroAllowed
    fields.finish(answered: ["name", "changed_in", "revision", "warnings"], &findings)
    guard let prefix, let backends else { return nil }
    let split = Split(prefix: prefix, backends: backends, onUnbound: onUnbound)
    if !allowZero { split.checkWeights(at: fields.place("backends"), &findings) }
    return split
  }

  func checkWeights(at pointer: Pointer, _ findings: inout Findings) {
    if weightSum == 0 {
      findings.add(pointer, "all weights are 0: every request would get 503; say \"allow_zero\": true if that is meant")
    }
  }

  private static func readBackends(_ fields: inout Fields, _ findings: inout Findings) -> [Backend]? {
    let pointer = fields.place("backends")
    guard let items = fields.array("backends", atMost: mostBackends, &findings), !items.isEmpty else {
      findings.add(pointer, "must name at least one backend")
      return nil
    }
    var backends: [Backend] = []
    for (i, item) in items.enumerated() {
      guard let backend = readBackend(item, at: pointer / i, &findings) else { continue }
      if backends.contains(where: { $0.name == backend.name }) {
        findings.add(pointer / i / "name", "a second backend of this name")
      }
      backends.append(backend)
    }
    return backends.count == items.count ? backends : nil
  }

  private static func readBackend(_ json: JSON, at pointer: Pointer, _ findings: inout Findings) -> Backend? {
    var fields = Fields(json, at: pointer, &findings)
    let name = fields.required("name", longest: 253, &findings)
    if let name, !ResourceName.isValid(name) {
      findings.add(fields.place("name"), "must match \(ResourceName.pattern)")
    }
    let destination = fields.required("destination", longest: Rule.longestDestination, &findings)
      .flatMap { NameText.tree($0, at: fields.place("destination"), &findings) }
    if fields.value("weight") == nil { findings.add(fields.place("weight"), "is missing") }
    let weight = fields.whole("weight", 0...heaviest, &findings)
    fields.finish(answered: ["share"], &findings)
    guard let name, let destination, let weight else { return nil }
    return Backend(name: name, destination: destination, weight: UInt32(weight))
  }

  private static func readOnUnbound(_ fields: inout Fields, _ findings: inout Findings) -> OnUnbound? {
    guard let text = fields.string("on_unbound", longest: 100, &findings) else { return nil }
    guard let value = OnUnbound(rawValue: text) else {
      let words = OnUnbound.allCases.map(\.rawValue).joined(separator: ", ")
      findings.add(fields.place("on_unbound"), "must be one of \(words)")
      return nil
    }
    return value
  }
}
