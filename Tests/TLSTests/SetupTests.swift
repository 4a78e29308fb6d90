import TLS
import TestSupport
import Testing

/// What an operator may give us wrongly.
@Suite struct SetupTests {
  private static let leaf = Result { try Kit.authority.get().leaf("setup", names: ["DNS:setup.test"]) }

  @Test func noCertificate() throws {
    let key = try Self.leaf.get().key
    #expect(throws: TLSSetupError.noCertificate) { try TLSIdentity(chain: [], key: key) }
    #expect(throws: TLSSetupError.noCertificate) { try TLSIdentity(chain: bytes("hello"), key: key) }
    #expect(throws: TLSSetupError.noCertificate) { try TLSIdentity(chain: key, key: key) }
    #expect(throws: TLSSetupError.noCertificate) { try Kit.clientContext(trust: .certificates(pem: bytes("nothing"))) }
  }

  @Test func aBrokenCertificate() throws {
    let leaf = try Self.leaf.get()
    var broken = leaf.certificate
    broken.replaceSubrange(60..<64, with: bytes("????"))
    let error = #expect(throws: TLSSetupError.self) { try TLSIdentity(chain: broken, key: leaf.key) }
    guard case .badCertificate = error else { Issue.record("\(String(describing: error))"); return }
  }

  @Test func keys() throws {
    let leaf = try Self.leaf.get()
    let other = try Kit.authority.get().leaf("other", names: [])
    #expect(throws: TLSSetupError.keyMismatch) { try TLSIdentity(chain: leaf.certificate, key: other.key) }
    let encrypted = try Kit.authority.get().encrypted(leaf)
    #expect(throws: TLSSetupError.encryptedKey) { try TLSIdentity(chain: leaf.certificate, key: encrypted) }
    for bad in [[], bytes("no key"), leaf.certificate, Array(leaf.key.prefix(80))] {
      let error = #expect(throws: TLSSetupError.self) { try TLSIdentity(chain: leaf.certificate, key: bad) }
      guard case .badKey = error else { Issue.record("\(String(describing: error))"); return }
    }
  }

  @Test func oneFileMayHoldAll() throws {
    let leaf = try Self.leaf.get()
    let whole = leaf.key + leaf.certificate + (try Kit.authority.get().certificate)
    #expect(try TLSIdentity(chain: whole, key: whole).certificate.subject == "CN=setup")
  }

  @Test func contexts() throws {
    #expect(throws: TLSSetupError.noIdentity) { try TLSContext(.server, TLSSettings(peer: .none)) }
    for name in ["", String(repeating: "x", count: 256)] {
      #expect(throws: TLSSetupError.badProtocol(name)) { try Kit.clientContext(protocols: ["h2", name]) }
    }
  }

  /// PEM texts with errors of all kinds are refused, or read, and nothing worse.
  @Test func randomTexts() throws {
    let leaf = try Self.leaf.get()
    var mutator = Mutator(
      corpus: [leaf.certificate, leaf.key, leaf.key + leaf.certificate], alphabet: bytes("-A=\n/ "), seed: 0x71)
    for _ in 0..<(fuzzRounds / 10) {
      let wrong = mutator.next()
      _ = try? TLSIdentity(chain: wrong, key: leaf.key)
      _ = try? TLSIdentity(chain: leaf.certificate, key: wrong)
    }
    #expect(try TLSIdentity(chain: leaf.certificate, key: leaf.key).certificate.dnsNames == ["setup.test"])
  }
}
