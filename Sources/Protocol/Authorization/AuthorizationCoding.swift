import SwiftProtobuf

extension Authorization {
  /// As it travels to proxies. One without faults comes back from `init(decoding:)` as it was.
  public var wire: Heddle_Mesh_V1_Authorization {
    var wire = Heddle_Mesh_V1_Authorization()
    wire.target = target.description
    wire.dryRun = mode == .dryRun
    wire.rules = rules.map { rule in
      var wire = Heddle_Mesh_V1_AuthorizationRule()
      wire.from = rule.from.map(\.description)
      wire.methods = rule.methods
      wire.paths = rule.paths
      return wire
    }
    return wire
  }

  /// Reads and checks an encoded `Authorization`.
  init(decoding bytes: some SwiftProtobufContiguousBytes, _ identity: ResourceIdentity) throws(ResourceFault) {
    let wire: Heddle_Mesh_V1_Authorization
    do { wire = try Heddle_Mesh_V1_Authorization(serializedBytes: bytes) } catch {
      throw ResourceFault(identity: identity, message: "its body is not an encoded Authorization")
    }
    self.init(
      target: AuthorizationTarget(wire.target), mode: wire.dryRun ? .dryRun : .enforce,
      rules: wire.rules.map { rule in
        AuthorizationRule(from: rule.from.map { CallerPattern($0) }, methods: rule.methods, paths: rule.paths)
      })
    if let fault = faults.first { throw ResourceFault(identity: identity, message: fault.description) }
  }
}
