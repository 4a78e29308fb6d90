import Synchronization
import TLS
import Telemetry

/// What is counted of identities, for `/metrics`.
final class IdentityCounters: Sendable {
  /// The label `kind` of `heddle_certificates_issued_total`.
  enum Kind: String, CaseIterable, Sendable {
    case join, renewal
    /// With a certificate that had expired, within the grace.
    case lateRenewal = "late_renewal"
  }

  private struct State {
    var issued: [Kind: UInt64] = [:]
    var refused: [SignRefusal.Label: UInt64] = [:]
    var rotations: UInt64 = 0
    var refusedFiles: UInt64 = 0
    var faults: [String: UInt64] = [:]
  }

  private let state = Mutex(State())

  func issued(_ kind: Kind) { state.withLock { $0.issued[kind, default: 0] &+= 1 } }
  func refused(_ label: SignRefusal.Label) { state.withLock { $0.refused[label, default: 0] &+= 1 } }
  func refusedFiles() { state.withLock { $0.refusedFiles &+= 1 } }
  func rotated() { state.withLock { $0.rotations &+= 1 } }

  /// A connection to the mesh port whose TLS failed.
  func failed(_ fault: TLSError) { state.withLock { $0.faults[fault.label, default: 0] &+= 1 } }

  func issuedCount(_ kind: Kind) -> UInt64 { state.withLock { $0.issued[kind] ?? 0 } }
  func refusedCount(_ label: SignRefusal.Label) -> UInt64 { state.withLock { $0.refused[label] ?? 0 } }

  func write(to out: inout Exposition) {
    let (issued, refused, rotations, faults) = state.withLock { ($0.issued, $0.refused, $0.rotations, $0.faults) }
    out.begin("heddle_certificates_issued_total", .counter, help: "Certificates given to proxies.")
    for kind in Kind.allCases { out.sample(issued[kind] ?? 0, [("kind", kind.rawValue)]) }
    out.begin("heddle_certificates_refused_total", .counter, help: "Requests for a certificate that were refused.")
    for label in SignRefusal.Label.allCases { out.sample(refused[label] ?? 0, [("reason", label.rawValue)]) }
    out.begin("heddle_ca_rotations_total", .counter, help: "Times that a new root began to issue by itself.")
    out.sample(rotations)
    out.begin("heddle_ca_files_refused_total", .counter, help: "Changed files of identity.ca that were of no use.")
    out.sample(state.withLock { $0.refusedFiles })
    out.begin("heddle_mesh_tls_faults_total", .counter, help: "Connections to the mesh port whose TLS failed, by why.")
    for (reason, count) in faults.sorted(by: { $0.key < $1.key }) { out.sample(count, [("reason", reason)]) }
  }
}

extension IdentityService {
  /// The part of `/metrics`.
  var exposition: String {
    var out = Exposition()
    counters.write(to: &out)
    out.begin("heddle_ca_expiry_seconds", .gauge, help: "Seconds until the authority that issues expires.")
    out.sample(Double((book.issuing?.notAfter ?? 0) - now.seconds))
    return out.text
  }

  /// What somebody should look at; nil: all is well.
  var alarm: String? {
    let (book, now) = (book, now)
    guard let issuing = book.issuing else { return "no authority issues certificates" }
    let rest = issuing.notAfter - now.seconds
    if rest <= 0 { return "the authority \(issuing.id) has expired: no certificate is issued" }
    if let fault = filesFault { return "the files of identity.ca are of no use, and the old authority signs: \(fault)" }
    guard rest < IdentitySettings.alarm.components.seconds else { return accountsFault }
    let remedy = issuing.isOperators ? "replace the files of identity.ca" : "run `heddle identity rotate`"
    return "the authority \(issuing.id) expires in \(rest / 86_400) days: \(remedy)"
  }
}
