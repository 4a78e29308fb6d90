import JSONFormat

/// A service's own fields: the part of the registry that is configuration. A service without any has no document.
struct ServiceFields: Sendable, Equatable {
  var `protocol`: ServiceProtocol?
  /// For registrations that name none.
  var ttl: Duration?

  var isEmpty: Bool { `protocol` == nil && ttl == nil }

  /// Shorter leases would be renewals without end, longer ones no leases.
  static let leaseTimes = Duration.seconds(1)...Duration.seconds(86_400)

  var members: [JSON.Member] {
    var members: [JSON.Member] = []
    if let `protocol` { members.append(.init(name: "protocol", value: .string(`protocol`.rawValue))) }
    if let ttl { members.append(.init(name: "ttl", value: .string(ttl.configured))) }
    return members
  }

  static func load(_ json: JSON, _ findings: inout Findings) -> ServiceFields? {
    var fields = Fields(json, at: .root, &findings)
    let value = read(&fields, &findings)
    fields.finish(&findings)
    return value
  }

  static func read(_ fields: inout Fields, _ findings: inout Findings) -> ServiceFields {
    var out = ServiceFields()
    if let text = fields.string("protocol", longest: 100, &findings) {
      out.protocol = ServiceProtocol(rawValue: text)
      if out.protocol == nil {
        findings.add(
          fields.place("protocol"), "must be one of \(ServiceProtocol.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
    }
    out.ttl = fields.duration("ttl", leaseTimes, &findings)
    return out
  }
}
