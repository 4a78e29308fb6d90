import MeshProtocol
import SystemIO

extension IdentityService {
  /// Makes a token; its text is known here and now, and never again.
  func makeToken(namespace: String, identity: String, lifetime: Duration, uses: Int, who: String) async -> Result<
    (record: JoinTokenRecord, text: String), Problem
  > {
    let now = now
    guard let root = book.shown(at: now)?.roots.first else {
      return .failure(.unavailable("There is no authority that proxies could trust."))
    }
    do {
      let token = JoinToken(id: Facts.hex(try random(8)), secret: try random(32), rootHash: root.publicKeyHash)
      let record = JoinTokenRecord(
        id: token.id, namespace: namespace, identity: identity, secretHash: JoinTokenRecord.hash(token.secret),
        uses: uses,
        createdAt: now, createdBy: who, expiresAt: now + lifetime)
      let stored = await controller.transact { db in
        guard try JoinTokenRows.count(db, namespace: namespace) < JoinTokenRecord.mostInNamespace else {
          throw Problem.conflict(
            "Namespace \(namespace) has \(JoinTokenRecord.mostInNamespace) join tokens; delete some.")
        }
        try JoinTokenRows.insert(db, record)
      }
      return stored.map { (record, token.text) }
    } catch {
      return .failure(.unavailable("No token can be made: \(error)"))
    }
  }

  func tokens(namespace: String) throws(Problem) -> [JoinTokenRecord] {
    do { return try controller.store.database.read { db in try JoinTokenRows.list(db, namespace: namespace) } } catch {
      throw .unavailable("The store cannot be read: \(StoreCounters.reason(error))")
    }
  }

  /// False: there is none of this id in the namespace.
  func deleteToken(_ id: String, namespace: String) async -> Result<Bool, Problem> {
    await controller.transact { db in try JoinTokenRows.delete(db, id, namespace: namespace) }
  }
}
