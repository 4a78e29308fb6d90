import Foundation
import GRDB

/// The answers of writes that carried an `Idempotency-Key`, in the same transaction as the write.
enum Answers {
  /// The answer that this caller got under this key, if it is younger than a day.
  /// - Throws: `Problem` 422 when the key was used for another request.
  static func find(_ db: Database, _ order: WriteOrder, at now: WallTime) throws -> WriteAnswer? {
    guard let idempotency = order.idempotency else { return nil }
    let oldest = now.milliseconds - WriteOrder.Idempotency.lifetime.wholeMilliseconds
    let row = try Row.fetchOne(
      db, sql: "SELECT request, answer FROM answers WHERE caller = ? AND key = ? AND at > ?",
      arguments: [order.who, idempotency.key, oldest])
    guard let row else { return nil }
    let request: Data = row["request"]
    guard Array(request) == idempotency.request else {
      throw Problem.impossible("This Idempotency-Key was used for another request.")
    }
    return WriteAnswer(stored: row["answer"])
  }

  static func keep(_ db: Database, _ order: WriteOrder, _ answer: WriteAnswer, at now: WallTime) throws {
    guard let idempotency = order.idempotency else { return }
    try db.run(
      sql: """
        INSERT INTO answers (caller, key, request, answer, at) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (caller, key) DO UPDATE SET request = ?3, answer = ?4, at = ?5
        """,
      arguments: [order.who, idempotency.key, Data(idempotency.request), answer.stored.printedText, now.milliseconds])
  }

  static func prune(_ db: Database, at now: WallTime) throws {
    let oldest = now.milliseconds - WriteOrder.Idempotency.lifetime.wholeMilliseconds
    try db.run(sql: "DELETE FROM answers WHERE at <= ?", arguments: [oldest])
  }
}
