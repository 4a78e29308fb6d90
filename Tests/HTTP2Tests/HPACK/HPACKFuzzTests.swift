import TestSupport
import Testing

@testable import HTTP2

/// No block makes a decoder trap, spin, or hold more than its limits.
@Suite struct HPACKFuzzTests {
  @Test func outlivesAnyBlock() {
    let corpus = [
      hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), hex("3fe1 01 4882 6402 5885 aec3 771a 4b"),
      hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65"), hex("20 3f45 be bf c0"),
    ]
    var mutator = Mutator(corpus: corpus, alphabet: [0, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbe, 0xff], seed: 0x48)
    var read = 0
    for _ in 0..<fuzzRounds {
      var reader = BlockReader()
      for _ in 0..<3 where reader.read(mutator.next()) != nil { read += 1 }
    }
    #expect(read > fuzzRounds / 4, "too few blocks to mean anything: \(read)")
  }
}
