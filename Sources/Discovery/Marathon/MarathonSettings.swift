import Serving
import Settings
import SystemIO

/// `kind: io.l5d.marathon`
struct MarathonSettings: NamerSettings {
  static let kind = "io.l5d.marathon"
  /// As Linkerd has them: `user:password` of Marathon.
  static let basicVariable = "MARATHON_HTTP_AUTH_CREDENTIAL"

  /// `uriPrefix:` is part of it.
  let place: SourcePlace
  /// Sent as DC/OS wants it, `authorization: token=…`.
  let token: Secret.Origin?
  /// `user:password`
  let basic: String?
  /// Between polls while no event stream stands.
  let period: Duration
  let usesHealthChecks: Bool
  /// Which of an app's ports: by name, else by place.
  let portName: String?
  let portIndex: Int

  init(_ reader: Reader) {
    var place = reader.place(host: "marathon.mesos", port: 8080)
    if let prefix = reader.text("uriPrefix") {
      if let base = HTTPBase("\(place.base)" + prefix), prefix.hasPrefix("/") {
        place.base = base
      } else {
        reader.fault("uriPrefix", "expected a path")
      }
    }
    self.place = place
    token = reader.secret("token")
    basic = reader.text("basicAuth") ?? environment(Self.basicVariable)
    period = reader.integer("ttlMs", in: 100...3_600_000).map { .milliseconds(Int64($0)) } ?? .seconds(5)
    usesHealthChecks = reader.boolean("useHealthCheck") ?? true
    portName = reader.text("portName")
    portIndex = reader.integer("portIndex", in: 0...1000) ?? 0
  }

  func makeNamer(_ context: NamerContext) throws -> any Namer { try MarathonNamer(context, self) }
}
