import Testing

@testable import MeshProtocol

@Suite struct SHA256Tests {
  /// FIPS 180-4 examples, and the NIST vectors around the block border.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
        + "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func vector(_ text: String, _ expected: String) {
    #expect(hex(SHA256.digest(Array(text.utf8).span)) == expected)
  }

  @Test func millionTimesA() {
    let bytes = [UInt8](repeating: 0x61, count: 1_000_000)
    #expect(hex(SHA256.digest(bytes.span)) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func everySplitGivesTheSameDigest() {
    let bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let whole = SHA256.digest(bytes.span)
    for cut in 0...bytes.count {
      var hash = SHA256()
      hash.update(bytes.span.extracting(0..<cut))
      hash.update(bytes.span.extracting(cut..<bytes.count))
      #expect(hash.finish() == whole)
    }
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

@Suite struct SetHashTests {
  @Test func oneMessageIsTheHeadOfItsDigest() {
    #expect(SetHash(of: Array("abc".utf8)).description == "ba7816bf8f01cfea414140de5dae2223")
  }

  @Test func orderIsNothingAndRemovalUndoes() {
    let members = (0..<50).map { SetHash(of: [UInt8($0)]) }
    var forward = SetHash.empty
    var backward = SetHash.empty
    for member in members { forward.insert(member) }
    for member in members.reversed() { backward.insert(member) }
    #expect(forward == backward)
    for member in members { forward.remove(member) }
    #expect(forward == .empty)
  }

  @Test func sumWrapsAround() {
    var hash = SetHash(value: .max)
    hash.insert(SetHash(value: 2))
    #expect(hash.value == 1)
    hash.remove(SetHash(value: 3))
    #expect(hash.value == UInt128.max - 1)
  }

  @Test func wireFormIsSixteenBytesBigEndian() {
    let hash = SetHash(value: 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)
    #expect(hash.bytes == Array(1...16))
    #expect(SetHash(bytes: hash.bytes) == hash)
    #expect(SetHash(bytes: [UInt8](repeating: 0, count: 15)) == nil)
    #expect(SetHash(bytes: [UInt8](repeating: 0, count: 17)) == nil)
    #expect(hash.description.count == 32)
  }
}
