import TestSupport
import Testing

@testable import JSONFormat

/// Bodies that are nearly JSON: each is refused with a place, or reads back as it prints.
@Suite struct JSONFuzzTests {
  private static let corpus = [
    #"{"a":[1,-2.5e3,true,false,null,{"b":"x\né\ud83d\ude00"}],"c":{}}"#,
    #"{"prefix":"/svc/users","destination":"/#/registry/users-v1","comment":"ü","before":"r1"}"#,
    #"{"weights":{"v1":50,"v2":50},"percent":{"v2":0.001},"ttl":"30s"}"#,
    #"{"changes":[{"op":"put","kind":"split","name":"a","value":{"backends":[{"weight":9223372036854775807}]}}]}"#,
    "[[[[[]]]],-0,1e308,1E-400,\"\\u0000\\/\"]", " 0 ", "\"\"",
  ]
  private static let alphabet = "{}[]\",:\\u0123456789dDeEfF+-. tn\u{e9}\u{0}"

  private func read(_ bytes: [UInt8]) -> JSON? {
    do throws(JSONFault) { return try JSONParser.parse(bytes) } catch {
      #expect(error.offset >= 0 && error.offset <= bytes.count && !error.detail.isEmpty, "\(text(bytes))")
      return nil
    }
  }

  @Test func whatIsAcceptedPrintsStably() {
    var mutator = Mutator(corpus: Self.corpus, alphabet: Self.alphabet, seed: 0x15)
    var accepted = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      guard let json = read(input) else { continue }
      accepted += 1
      // `2e3` prints as 2000, so what is read back is compared by its print.
      #expect(read(json.printed)?.printed == json.printed, "\(text(input))")
      #expect(read(Array(json.printedIndented().utf8))?.printed == json.printed, "\(text(input))")
    }
    #expect(accepted > fuzzRounds / 100, "too few accepted to mean anything: \(accepted)")
  }

  @Test func noPrefixOfADocumentIsOne() {
    for document in Self.corpus where document.hasPrefix("{") {
      forEveryPrefix(of: bytes(document)) { #expect(read($0) == nil, "\(text($0))") }
    }
  }

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":", "\"\\ud800", "-", "1", "\\", " ", "\"a\","])
  func depthAndLengthAreNoBurden(_ unit: String) {
    for count in [63, 64, 65, 200_000] { _ = read(bytes(String(repeating: unit, count: count))) }
  }
}
