import MeshProtocol
import Serving
import Telemetry

extension ProxyControl: IdentityDeskOwner {
  /// What a proxy presents and trusts towards other proxies has changed; also at the start, when it was kept on disk.
  func credentialsChanged(_ credentials: MeshCredentials) {
    meshCredentials = credentials
    for worker in workers { worker.send(.credentials(credentials)) }
  }

  func identityChanged(_ credentials: MeshCredentials) {
    machine.identity.hasCertificate = true
    credentialsChanged(credentials)
    guard let id = SPIFFEID(credentials.spiffeID), id != authorizedAs else { return }
    authorizedAs = id
    enqueue(.identity(id))
  }

  func identityNeedsConnection() { link?.reconnect() }

  func identityAsks(_ request: [UInt8]) -> Bool { link?.sign(request) ?? false }

  func identityCutsConnections() { for worker in workers { worker.send(.cutMesh) } }

  func identityTrusts(version: UInt64) {
    machine.trusts(version: version, at: loop.now)
    perform()
  }

  /// `POST /identity/renew`: the next certificate now and not when it is due.
  func renewIdentity() -> HTTPResponse {
    guard let identity else { return .problem(409, "This proxy has no identity.") }
    guard identity.renewNow() else { return .problem(409, "This proxy has no certificate yet: \(identity.detail)") }
    return HTTPResponse(status: 202, text: "renewing\n")
  }

  /// `GET /identity`: who this proxy is in the mesh, and whose signatures count for it.
  func identityView() -> String {
    var object = JSONObject()
    object.add("id", json: identity?.id.map { JSONText.quoted($0.description) } ?? "null")
    guard let identity else { return object.text }
    object.add("detail", text: identity.detail)
    object.add("alarm", identity.machine.isAlarming(at: identity.now))
    if let held = identity.held {
      object.add("not_before", number: held.issued.life.notBefore)
      object.add("not_after", number: held.issued.life.notAfter)
      object.add("fingerprint", text: hexadecimal(held.issued.chain[0].facts.fingerprint))
      object.add("roots", json: JSONObject.texts(held.trust.roots.map { hexadecimal($0.facts.fingerprint) }))
      object.add("outage_grace_s", number: held.trust.outageGrace)
    }
    if let holding = identity.machine.holding { object.add("renew_at", number: holding.renewAt) }
    return object.text
  }

  func writeIdentity(to page: inout Exposition) {
    guard let identity else { return }
    page.begin("heddle_identity_expiry_seconds", .gauge, help: "Until the certificate ends; below 0 it has ended.")
    if let holding = identity.machine.holding { page.sample(Double(holding.life.notAfter - identity.now)) }
    page.begin("heddle_identity_renewals_total", .counter, help: "Requests for the proxy's certificate, by what came.")
    page.sample(identity.counters.renewals, [("result", "ok")])
    page.sample(identity.counters.failures, [("result", "failed")])
    page.begin("heddle_identity_alarm", .gauge, help: "1 while renewing has failed for too long.")
    page.sample(UInt64(identity.machine.isAlarming(at: identity.now) ? 1 : 0))
    page.begin("heddle_identity_bundles_refused_total", .counter, help: "Trust bundles that could not be used.")
    page.sample(identity.counters.bundlesRefused)
    page.begin("heddle_identity_write_failures_total", .counter, help: "Certificates that could not be kept on disk.")
    page.sample(identity.counters.writeFailures)
  }
}
