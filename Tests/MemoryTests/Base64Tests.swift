import Memory
import TestSupport
import Testing

@Suite struct Base64Tests {
  @Test func readsWhatItWrites() {
    var random = SeededRandom(seed: 64)
    for count in 0..<60 {
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(Base64.decoded(Base64.encoded(bytes)) == bytes)
    }
    #expect(Base64.encoded(Array("foo/".utf8)) == "Zm9vLw==")
    for wrong in ["a", "====", "Zm9=v", "Zm9v!m9v", "Zg=", "Z==="] { #expect(Base64.decoded(wrong) == nil) }
  }

  @Test func vectorsOfTheStandard() {  // RFC 4648 §10
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")] {
      #expect(Base64.encoded(Array(bytes.utf8)) == text)
      #expect(Base64.decoded(text) == Array(bytes.utf8))
    }
    #expect(Base64.decoded("Zm9v\nYg==\n") == Array("foob".utf8))
  }
}
