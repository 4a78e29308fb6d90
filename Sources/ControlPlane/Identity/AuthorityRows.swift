import Foundation
import GRDB
import SystemIO
import TLS

/// The table `authorities`, and what of the trust bundle stands in `facts`.
enum AuthorityRows {
  static func load(_ db: Database) throws -> [Authority] {
    try Row.fetchAll(db, sql: "SELECT * FROM authorities").map { row in
      let id: String = row["id"]
      let (certificate, key): (Data, Data) = (row["certificate"], row["key"])
      do {
        let root = try Certificate(der: Array(certificate))
        return Authority(
          id: id, chain: [root], key: try PrivateKey(der: Array(key)), roots: [root],
          createdAt: WallTime(milliseconds: row["created_at"]), state: try state(row["state"], row["ends"]),
          longestLeaf: .milliseconds(row["longest_leaf"] as Int64))
      } catch {
        throw StoreFault(description: "the authority \(id) in the store cannot be read: \(error)")
      }
    }
  }

  static func write(_ db: Database, _ book: AuthorityBook) throws {
    for authority in book.authorities where !authority.isOperators {
      let (name, ends) = stored(authority.state)
      try db.run(
        sql: """
          INSERT INTO authorities (id, certificate, key, state, created_at, ends, longest_leaf) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
          ON CONFLICT (id) DO UPDATE SET state = ?4, ends = ?6, longest_leaf = ?7
          """,
        arguments: [
          authority.id, Data(authority.certificate.der), Data(authority.key.der), name,
          authority.createdAt.milliseconds, ends,
          authority.longestLeaf.wholeMilliseconds,
        ])
    }
  }

  /// The number of the bundle with this content: one more than before when the content is another.
  static func version(_ db: Database, ofBundle hash: String) throws -> UInt64 {
    let known = try Facts.read(db, .trustVersion).flatMap { UInt64($0) } ?? 0
    if known > 0, try Facts.read(db, .trustHash) == hash { return known }
    try Facts.write(db, .trustVersion, String(known + 1))
    try Facts.write(db, .trustHash, hash)
    return known + 1
  }

  private static func state(_ name: String, _ ends: Int64?) throws -> Authority.State {
    switch (name, ends) {
    case ("next", _): .next
    case ("issuing", _): .issuing
    case ("trusted", let ends?): .trusted(until: WallTime(milliseconds: ends))
    case ("retired", nil): .retired
    case ("retired", let withdrawn?): .withdrawn(at: WallTime(milliseconds: withdrawn))
    default: throw StoreFault(description: "its state is \(name)")
    }
  }

  private static func stored(_ state: Authority.State) -> (name: String, ends: Int64?) {
    switch state {
    case .next: ("next", nil)
    case .issuing: ("issuing", nil)
    case .trusted(let until): ("trusted", until.milliseconds)
    case .retired: ("retired", nil)
    case .withdrawn(let at): ("retired", at.milliseconds)
    }
  }
}
