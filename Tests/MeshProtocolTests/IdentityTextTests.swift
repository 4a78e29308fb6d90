import MeshProtocol
import TestSupport
import Testing

@Suite struct IdentityTextTests {
  @Test func aSPIFFEIDReadsWhatItWrites() throws {
    let id = try #require(SPIFFEID(trustDomain: "heddle.local", namespace: "default", name: "users-v1.A_b"))
    #expect(id.description == "spiffe://heddle.local/ns/default/sa/users-v1.A_b")
    #expect(SPIFFEID(id.description) == id)
    #expect(SPIFFEID.controller(of: "heddle.local") == "spiffe://heddle.local/heddle/controller")
  }

  @Test(arguments: [
    "", "spiffe://", "spiffe://a/ns/b/sa/", "spiffe://a/ns//sa/c", "spiffe:///ns/b/sa/c", "spiffe://a/ns/b/sa/c/",
    "spiffe://a/ns/b/sa/c/d", "spiffe://a/sa/b/ns/c", "SPIFFE://a/ns/b/sa/c", "spiffe://A/ns/b/sa/c", "spiffe://a:1/ns/b/sa/c",
    "spiffe://a@b/ns/b/sa/c", "spiffe://a/ns/b/sa/c?x", "spiffe://a/ns/b/sa/c#x", "spiffe://a/ns/../sa/c", "spiffe://a/ns/b/sa/.",
    "spiffe://a/ns/b/sa/é", "spiffe://a/ns/b/sa/c%20", "https://a/ns/b/sa/c", " spiffe://a/ns/b/sa/c",
    "spiffe://a/heddle/controller", "spiffe://a/ns/b/sa/" + String(repeating: "c", count: 254),
    "spiffe://" + String(repeating: "a", count: 256) + "/ns/b/sa/c",
  ])
  func noSPIFFEID(_ text: String) { #expect(SPIFFEID(text) == nil) }

  private let token = JoinToken(
    id: "t-1_A", secret: (0..<32).map { UInt8($0 * 8 + 7) }, rootHash: (0..<32).map { UInt8(255 - $0) })

  @Test func aTokenReadsWhatItWrites() throws {
    let read = try JoinToken(parsing: token.text)
    #expect(read == token)
    #expect(try JoinToken(parsing: " \n\(token.text)\r\n") == token)
    #expect(token.text.hasPrefix("hj1.t-1_A.") && !token.text.contains("="))
  }

  @Test func damagedTokens() throws {
    let parts = token.text.split(separator: ".").map(String.init)
    func fault(_ parts: [String]) -> JoinToken.Fault? {
      do throws(JoinToken.Fault) {
        _ = try JoinToken(parsing: parts.joined(separator: "."))
        return nil
      } catch { return error }
    }
    #expect(fault(parts) == nil)
    #expect(fault([""]) == .notAToken)
    #expect(fault(["hj2"] + parts.dropFirst()) == .notAToken)
    #expect(fault(Array(parts.dropLast())) == .notAToken)
    #expect(fault(parts + ["x"]) == .notAToken)
    #expect(fault([parts[0], "", parts[2], parts[3]]) == .id)
    #expect(fault([parts[0], "a b", parts[2], parts[3]]) == .id)
    #expect(fault([parts[0], parts[1], String(parts[2].dropLast()), parts[3]]) == .secret)
    #expect(fault([parts[0], parts[1], parts[2] + "A", parts[3]]) == .secret)
    #expect(fault([parts[0], parts[1], parts[2], parts[3] + "="]) == .rootHash)
    #expect(fault([parts[0], parts[1], parts[2], String(parts[3].dropLast(2))]) == .rootHash)
    // The last letter carries two bits of nothing: another one there would be a second text of the same token.
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let place = try #require(letters.firstIndex(of: parts[3].last ?? "A"))
    #expect(fault([parts[0], parts[1], parts[2], parts[3].dropLast() + String(letters[place ^ 1])]) == .rootHash)
  }

  @Test func randomTextsAreNoTokens() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededRandom(seed: seed)
    let letters = Array("hj1.ABCabc_-=/ \n")
    for _ in 0..<5000 {
      let text = String((0..<Int.random(in: 0...120, using: &random)).map { _ in letters.randomElement(using: &random)! })
      if let token = try? JoinToken(parsing: text) { #expect(token.secret.count == 32 && token.rootHash.count == 32, "seed \(seed)") }
    }
  }
}
