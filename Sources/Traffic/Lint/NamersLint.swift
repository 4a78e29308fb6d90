import MeshProtocol

// What is certain of a built-in name whatever follows it.

extension Namers {
  /// Segments that each built-in name needs behind its own before it answers.
  private static let arguments: [String: Int] = [
    "inet": 2, "fixedinet": 2, "fail": 0, "nil": 0, "io.buoyant.rinet": 2, "io.buoyant.hostportPfx": 2,
    "io.buoyant.porthostPfx": 2, "io.buoyant.http.anyMethod": 1, "io.buoyant.http.anyMethodPfx": 2,
    "io.buoyant.http.anyHost": 1, "io.buoyant.http.anyHostPfx": 2, "io.buoyant.http.subdomainOf": 2,
    "io.buoyant.http.subdomainOfPfx": 3, "io.buoyant.http.domainToPath": 1, "io.buoyant.http.domainToPathPfx": 2,
  ]

  /// Why nothing can be made of a `/$/…` path, whatever follows it; nil when something may.
  static func neverBinds(_ path: Path) -> String? {
    guard path.count >= 2 else { return nil }
    let name = path.segments[1].scalarText
    guard let needed = arguments[name] else { return "there is no built-in name \(path.prefix(2))" }
    guard path.count - 2 >= needed else { return nil }
    switch answer(path) {
    case .concrete, .rewritten, .fail, .empty: return nil
    case .negative, .unknownNamer: return "what follows \(path.prefix(2)) has not the form that it takes"
    }
  }

  /// Whether a path, and all that begin with it, stop the search: addresses, `/$/fail`, `/$/nil`, errors.
  static func surelyStops(_ path: Path) -> Bool {
    switch surely(path) {
    case .concrete, .fail, .empty, .unknownNamer: true
    case .negative, .rewritten, nil: false
    }
  }

  /// Whether they lead to something, be it empty: addresses and `/$/nil`.
  static func surelyKeeps(_ path: Path) -> Bool {
    switch surely(path) {
    case .concrete, .empty: true
    case .fail, .negative, .rewritten, .unknownNamer, nil: false
    }
  }

  /// The answer for a `/$/…` path and all that begin with it; nil when it depends on what follows.
  private static func surely(_ path: Path) -> NamerAnswer? {
    guard path.count >= 2, path.segments[0].scalarText == "$" else { return nil }
    guard let needed = arguments[path.segments[1].scalarText] else { return .unknownNamer }
    return path.count - 2 >= needed ? answer(path) : nil
  }
}
