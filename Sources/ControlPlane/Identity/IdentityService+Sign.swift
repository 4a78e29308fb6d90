import GRDB
import MeshProtocol
import Serving
import SystemIO
import TLS

extension IdentityService {
  /// One call of Sign, from its bytes to its answer.
  func sign(_ bytes: [UInt8], from peer: GRPCPeer) async -> Result<Heddle_Mesh_V1_SignResponse, SignRefusal> {
    let result: Result<Heddle_Mesh_V1_SignResponse, SignRefusal>
    do throws(SignRefusal) {
      let check = try SignCheck(bytes, from: peer, trustDomain: settings.trustDomain)
      switch check.proof {
      case .token(let token): result = await join(check.request, token)
      case .kubernetes(let token): result = await join(check.request, account: token)
      case .renewal(let id, let hasExpired): result = .success(try renew(check.request, id, hasExpired))
      }
    } catch {
      result = .failure(error)
    }
    if case .failure(let refusal) = result { counters.refused(refusal.label) }
    return result
  }

  private func renew(_ request: CertificateRequest, _ id: SPIFFEID, _ hasExpired: Bool) throws(SignRefusal)
    -> Heddle_Mesh_V1_SignResponse
  {
    let key = request.publicKeyHash
    do {
      // Whoever has a root that was withdrawn may have made the certificate of a connection that still stands, but not with a key
      // that we have certified.
      if book.withdrawals > 0 {
        let isKnown = try controller.store.database.read { db in try CertifiedKeyRows.isKnown(db, key, of: id) }
        if !isKnown { throw SignRefusal.unknownKey }
      }
      let answer = try self.answer(id, request, at: now)
      counters.issued(hasExpired ? .lateRenewal : .renewal)
      let (controller, now) = (controller, now)
      // Not waited for: a store that cannot be written must stop no renewal, and the next one notes it as well.
      Task { _ = await controller.transact { db in try CertifiedKeyRows.touch(db, key, of: id, at: now) } }
      return answer
    } catch let refusal as SignRefusal {
      throw refusal
    } catch {
      throw .unavailable("no certificate can be made: \(error)")
    }
  }

  private func join(_ request: CertificateRequest, _ token: JoinToken) async -> Result<
    Heddle_Mesh_V1_SignResponse, SignRefusal
  > {
    let (now, key, trustDomain) = (now, request.publicKeyHash, settings.trustDomain)
    return await first { db throws in
      guard let record = try JoinTokenRows.find(db, token.id) else { throw SignRefusal.unknownToken }
      let isRepetition = try JoinTokenRows.isUsed(db, token.id, byKey: key)
      if let refusal = record.refusal(of: token, isRepetition: isRepetition, at: now) { throw refusal }
      guard let id = SPIFFEID(trustDomain: trustDomain, namespace: record.namespace, name: record.identity) else {
        throw SignRefusal.unavailable("the join token names no identity: \(record.namespace)/\(record.identity)")
      }
      let answer = try self.certify(db, id, request, at: now)
      try JoinTokenRows.use(db, token.id, byKey: key, at: now)
      return answer
    }
  }

  /// The identity is the service account's, in the mesh namespace that is called as the cluster's.
  private func join(_ request: CertificateRequest, account token: String) async -> Result<
    Heddle_Mesh_V1_SignResponse, SignRefusal
  > {
    guard let accounts else { return .failure(.kubernetes) }
    switch await accounts.account(of: token, at: controller.clocks.monotonic()) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let account):
      guard let id = SPIFFEID(trustDomain: settings.trustDomain, namespace: account.namespace, name: account.name)
      else { return .failure(.kubernetesToken("\(account.namespace)/\(account.name) cannot stand in an identity")) }
      let now = now
      return await first { db in try self.certify(db, id, request, at: now) }
    }
  }

  /// What is noted of a proof and the certificate are one: neither is there without the other.
  private func first(
    _ certify: @escaping @Sendable (Database) throws -> Heddle_Mesh_V1_SignResponse
  ) async -> Result<Heddle_Mesh_V1_SignResponse, SignRefusal> {
    let result = await controller.transact { db -> Result<Heddle_Mesh_V1_SignResponse, SignRefusal> in
      do { return .success(try certify(db)) } catch let refusal as SignRefusal { return .failure(refusal) }
    }
    switch result {
    case .success(let outcome):
      if case .success = outcome { counters.issued(.join) }
      return outcome
    case .failure(let problem): return .failure(.unavailable(problem.detail))
    }
  }

  /// A certificate for a proof.
  private func certify(_ db: Database, _ id: SPIFFEID, _ request: CertificateRequest, at now: WallTime) throws
    -> Heddle_Mesh_V1_SignResponse
  {
    let answer: Heddle_Mesh_V1_SignResponse
    do { answer = try self.answer(id, request, at: now) } catch let refusal as SignRefusal { throw refusal } catch {
      throw SignRefusal.unavailable("no certificate can be made: \(error)")
    }
    try CertifiedKeyRows.note(db, request.publicKeyHash, of: id, at: now)
    return answer
  }

  private func answer(_ id: SPIFFEID, _ request: CertificateRequest, at now: WallTime) throws
    -> Heddle_Mesh_V1_SignResponse
  {
    let (leaf, authority) = try issue(id.description, for: request, at: now)
    // A root stands in the bundle, not in the chain.
    let above = authority.chain.filter { !$0.isSelfIssued }
    var answer = Heddle_Mesh_V1_SignResponse()
    answer.chain = ([leaf] + above).map { .init($0.der) }
    answer.bundle = bundle.message
    answer.notBefore = leaf.facts.notBefore
    answer.notAfter = leaf.facts.notAfter
    return answer
  }
}
