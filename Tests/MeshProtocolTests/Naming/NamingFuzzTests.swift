import MeshProtocol
import TestSupport
import Testing

/// Names that people mistype and peers make up: each is refused with a place in the text, or means what it prints.
@Suite struct NamingFuzzTests {
  static let corpus = [
    "/svc => /#/registry ; /svc/users => 9 * /#/registry/users-v1 & 1 * /#/registry/users-v2;",
    "/a => /b | /c & (0.5 * /d | ~) & ! | $ # words\n; /*/x/* => (((/y)))",
    "/http/1.1/GET/\\x61\\x20\\xFF => /$/inet/127.0.0.1/8080 ; / => /$/nil",
    "/svc=>1000000000000000*/a&.5*/b&1.*/c", "/", "/a/b#c/$/%/-/_:1.2", "(/a|(/b|(/c)))",
  ]
  static let alphabet = "/|&*();=>!~$#.\\x019aZ- \n\t\u{e9}"

  /// Prints the same again, and means the same again.
  private func expectStable<Value: Equatable & CustomStringConvertible>(
    _ input: String, _ parse: (String) throws(NamingError) -> Value
  ) -> Bool {
    let value: Value
    do throws(NamingError) { value = try parse(input) } catch {
      #expect(error.offset >= 0 && error.offset <= input.utf8.count, "\(input.debugDescription)")
      #expect(!error.message.isEmpty)
      return false
    }
    let printed = value.description
    #expect((try? parse(printed))?.description == printed, "\(input.debugDescription) printed as \(printed)")
    return true
  }

  @Test func whatIsAcceptedPrintsStably() {
    var mutator = Mutator(corpus: Self.corpus, alphabet: Self.alphabet, seed: 0xd7ab)
    var accepted = 0
    for _ in 0..<fuzzRounds {
      let input = String(decoding: mutator.next(), as: UTF8.self)
      if expectStable(input, Dtab.init(parsing:)) { accepted += 1 }
      if expectStable(input, NameTree<Path>.init(parsing:)) { accepted += 1 }
      if expectStable(input, Path.init(parsing:)) { accepted += 1 }
      if expectStable(input, Prefix.init(parsing:)) { accepted += 1 }
    }
    #expect(accepted > fuzzRounds / 20, "too few accepted to mean anything: \(accepted)")
  }

  /// Nothing that is accepted can end a header line, or a line of a file that a name is written to.
  @Test func printedNamesHoldNoControlCharacter() {
    var mutator = Mutator(corpus: Self.corpus, alphabet: Self.alphabet + "\\x0d\\x0a", seed: 0x0d0a)
    for _ in 0..<fuzzRounds {
      guard let dtab = try? Dtab(parsing: String(decoding: mutator.next(), as: UTF8.self)) else { continue }
      #expect(dtab.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "\(dtab)")
    }
  }

  @Test(arguments: ["(", "/a|(", "/a&(", "2*(", "/a", "/a|", "/*", "/a=>(", "/a=>/b;", "\\x61", "#", "9", "\n"])
  func depthAndLengthAreNoBurden(_ unit: String) {
    for count in [63, 64, 65, 1025, 100_000] {
      let text = String(repeating: unit, count: count)
      for whole in [text, "/" + text, text + "/a" + String(repeating: ")", count: count)] {
        if let dtab = try? Dtab(parsing: whole) { #expect((try? Dtab(parsing: dtab.description)) != nil) }
        if let tree = try? NameTree<Path>(parsing: whole) { #expect(!tree.simplified.description.isEmpty) }
        _ = try? Path(parsing: whole)
      }
    }
  }
}
