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
    try certify(id, request, as: hasExpired ? .lateRenewal : .renewal)
  }

  private func certify(_ id: SPIFFEID, _ request: CertificateRequest, as kind: IdentityCounters.Kind)
    throws(SignRefusal) -> Heddle_Mesh_V1_SignResponse
  {
    do {
      let answer = try self.answer(id, request, at: now)
      counters.issued(kind)
      return answer
    } catch let refusal as SignRefusal {
      throw refusal
    } catch {
      throw .unavailable("no certificate can be made: \(error)")
    }
  }

  /// The use of the token and the certificate are one: neither is there without the other.
  private func join(_ request: CertificateRequest, _ token: JoinToken) async -> Result<
    Heddle_Mesh_V1_SignResponse, SignRefusal
  > {
    let now = now
    let key = request.publicKeyHash
    let result = await controller.transact { db -> Result<Heddle_Mesh_V1_SignResponse, SignRefusal> in
      guard let record = try JoinTokenRows.find(db, token.id) else { return .failure(.unknownToken) }
      let isRepetition = try JoinTokenRows.isUsed(db, token.id, byKey: key)
      if let refusal = record.refusal(of: token, isRepetition: isRepetition, at: now) { return .failure(refusal) }
      let trustDomain = self.settings.trustDomain
      guard let id = SPIFFEID(trustDomain: trustDomain, namespace: record.namespace, name: record.identity) else {
        return .failure(.unavailable("the join token names no identity: \(record.namespace)/\(record.identity)"))
      }
      let answer: Heddle_Mesh_V1_SignResponse
      do { answer = try self.answer(id, request, at: now) } catch let refusal as SignRefusal {
        return .failure(refusal)
      } catch {
        return .failure(.unavailable("no certificate can be made: \(error)"))
      }
      try JoinTokenRows.use(db, token.id, byKey: key, at: now)
      return .success(answer)
    }
    switch result {
    case .success(let outcome):
      if case .success = outcome { counters.issued(.join) }
      return outcome
    case .failure(let problem): return .failure(.unavailable(problem.detail))
    }
  }

  /// The identity is the service account's, in the mesh namespace that is called as the cluster's.
  private func join(_ request: CertificateRequest, account token: String) async -> Result<
    Heddle_Mesh_V1_SignResponse, SignRefusal
  > {
    guard let accounts else { return .failure(.kubernetes) }
    do throws(SignRefusal) {
      let account = try await accounts.account(of: token).get()
      guard let id = SPIFFEID(trustDomain: settings.trustDomain, namespace: account.namespace, name: account.name)
      else { throw .kubernetesToken("\(account.namespace)/\(account.name) cannot stand in an identity") }
      return .success(try certify(id, request, as: .join))
    } catch { return .failure(error) }
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
