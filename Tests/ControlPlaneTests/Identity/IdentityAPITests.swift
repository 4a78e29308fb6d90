import Foundation
import JSONFormat
import MeshProtocol
import SystemIO
import TLS
import TestSupport
import Testing

@testable import ControlPlane

/// Identities over REST.
@Suite struct IdentityAPITests {
  @Test func theAuthoritiesAreShown() async throws {
    let plane = try Plane()
    let answer = await plane.call("GET", "/v1/identity")
    #expect(answer.json["trust_domain"] == "heddle.local" && answer.json["bundle_version"] == 1)
    let root = try #require(plane.identity.book.issuing).certificate
    let shown = answer.list("authorities")
    #expect(shown.count == 1 && shown[0]["state"] == "issuing" && shown[0]["kept_in"] == "store")
    #expect(shown[0]["public_key_hash"] == .string(Facts.hex(root.publicKeyHash)))
    #expect(shown[0]["certificate"]?.text == String(decoding: root.pem, as: UTF8.self))
    #expect(!answer.text.contains("PRIVATE"))
  }

  @Test func aTokenIsShownOnce() async throws {
    let plane = try Plane()
    let made = await plane.at("POST", "/join-tokens", ["identity": "users", "ttl": "2h", "uses": 3])
    #expect(made.status == 201)
    let token = try JoinToken(parsing: made.json["token"]?.text ?? "")
    #expect(made.json["id"] == .string(token.id))
    #expect(made.response.headers["location"] == "/v1/namespaces/default/join-tokens/\(token.id)")
    #expect(token.rootHash == plane.identity.book.issuing?.certificate.publicKeyHash)
    let listed = await plane.at("GET", "/join-tokens")
    #expect(listed.list("join_tokens").map { $0["identity"] } == ["users"])
    #expect(listed.list("join_tokens")[0]["token"] == nil && listed.list("join_tokens")[0]["uses"] == 3)
    // The secret is nowhere in the store.
    await plane.controller.close()
    try await plane.store.database.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    let file = try Data(contentsOf: URL(fileURLWithPath: plane.store.path))
    #expect(file.range(of: Data(token.secret)) == nil && file.range(of: Data(token.text.utf8)) == nil)
    #expect(file.range(of: Data(JoinTokenRecord.hash(token.secret))) != nil)
  }

  @Test(
    arguments: [
      [:], ["identity": "a/b"], ["identity": ".."], ["identity": ""], ["identity": "users", "ttl": "0s"],
      ["identity": "users", "ttl": "800h"], ["identity": "users", "uses": 0], ["identity": "users", "use": 1],
      ["identity": 7],
    ] as [JSON]) func bodiesThatAreNone(_ body: JSON) async throws
  {
    let plane = try Plane()
    let answer = await plane.at("POST", "/join-tokens", body)
    #expect(answer.status == 422 && !answer.pointers.isEmpty)
    #expect(await plane.at("GET", "/join-tokens").list("join_tokens").isEmpty)
  }

  @Test func whereThereIsNothing() async throws {
    let plane = try Plane()
    #expect(await plane.call("POST", "/v1/namespaces/none/join-tokens", ["identity": "users"]).status == 404)
    #expect(await plane.at("DELETE", "/join-tokens/none").status == 404)
    _ = await plane.call("PUT", "/v1/namespaces/other", .object([]))
    let token = try JoinToken(parsing: await plane.token())
    #expect(await plane.call("DELETE", "/v1/namespaces/other/join-tokens/\(token.id)").status == 404, "of another namespace")
    #expect(await plane.at("DELETE", "/join-tokens/\(token.id)").status == 200)
  }

  @Test func aNamespacesTokensGoWithIt() async throws {
    let plane = try Plane()
    _ = await plane.call("PUT", "/v1/namespaces/other", .object([]))
    let made = await plane.call("POST", "/v1/namespaces/other/join-tokens", ["identity": "users"])
    #expect(await plane.call("DELETE", "/v1/namespaces/other").status == 200)
    _ = await plane.call("PUT", "/v1/namespaces/other", .object([]))
    guard case .failure(.unknownToken) = await plane.sign(SignKit.request(token: made.json["token"]?.text)) else {
      Issue.record("a token outlived its namespace")
      return
    }
  }

  @Test func whatIsLongPastIsForgotten() async throws {
    let plane = try Plane()
    _ = await plane.token(ttl: "1h")
    plane.clock.advance(.seconds(7 * 86_400))
    await plane.controller.prune()
    #expect(await plane.at("GET", "/join-tokens").list("join_tokens").count == 1)
    plane.clock.advance(.seconds(3601))
    await plane.controller.prune()
    #expect(await plane.at("GET", "/join-tokens").list("join_tokens").isEmpty)
  }

  /// Keys are in the store and its copies: nobody but their owner reads them.
  @Test func filesWithKeysAreTheirOwners() async throws {
    let plane = try Plane()
    await plane.rule("/a", "/b")
    try Backup.save(store: plane.store.path, to: plane.folder.file("copy.db"))
    for name in ["heddle.db", "heddle.db-wal", "copy.db"] {
      let rights = try FileManager.default.attributesOfItem(atPath: plane.folder.file(name))[.posixPermissions] as? Int
      #expect(rights == 0o600, "\(name)")
    }
    // One that an earlier version made is taken from the others.
    await plane.controller.close()
    try plane.store.close()
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: plane.store.path)
    let again = try Plane(folder: plane.folder, clock: plane.clock)
    let rights = try FileManager.default.attributesOfItem(atPath: again.store.path)[.posixPermissions] as? Int
    #expect(rights == 0o600)
  }

  @Test func metrics() async throws {
    let plane = try Plane()
    _ = try await plane.leaf()
    _ = await plane.sign(SignKit.request())
    let text = plane.identity.exposition
    #expect(text.contains("heddle_certificates_issued_total{kind=\"join\"} 1\n"))
    #expect(text.contains("heddle_certificates_refused_total{reason=\"no_proof\"} 1\n"))
    #expect(text.contains("heddle_ca_expiry_seconds 315360000\n"))
  }

  /// An authority in the store that is damaged is said so at the start.
  @Test func aDamagedAuthority() async throws {
    let plane = try Plane()
    try await plane.store.database.write { db in try db.execute(sql: "UPDATE authorities SET key = x'00'") }
    let error = await #expect(throws: StoreFault.self) { try await plane.reopened() }
    #expect(error?.description.contains("cannot be read") == true)
  }
}
