import Settings
import TestSupport
import Testing

/// Files that are nearly settings: each ends in a tree within the limits, or in a problem with its place.
@Suite struct YAMLFuzzTests {
  private static let corpus = [
    "outbound:\n  listen: 127.0.0.1:4140\nnamers:\n  - kind: x\n    names: {a: [b, 'c', \"d\\n\"]}\nt: |\n  x\n  y\n",
    "dtab: |\n  /svc => /#/registry ;\n  /a => /b # words\nworkers: 2\nlabels: {zone: a, ~: b}\n",
    "registry:\n  users: [127.0.0.1:80, \"[::1]:80\"]\n? a\n: - 1\n  - [2, {b: c}]\n", "---\na: >-\n  folded\n  text\n...\n",
    "%YAML 1.1\n---\na: !!str 1\nb: &x 2\nc: *x\n", "",
  ]
  private static let alphabet = "\n\n  --:?[]{},#&*!|>'\"%@`~\t\r\u{0}\u{feff}\u{85}\u{2028}aé"

  @Test func everyInputEndsInATreeOrAProblem() {
    var mutator = Mutator(corpus: Self.corpus, alphabet: Self.alphabet, seed: 0x9a31)
    var accepted = 0
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      do throws(Problem) {
        let root = try Node(yaml: input)
        accepted += 1
        #expect(depth(root) <= FileLimits().depth && hasUniqueKeys(root), "\(text(input).debugDescription)")
      } catch {
        guard case .file(let mark) = error.origin else {
          Issue.record("no place: \(error)")
          continue
        }
        #expect(mark.line >= 1 && mark.column >= 1 && !error.message.isEmpty)
      }
    }
    #expect(accepted > fuzzRounds / 20, "too few accepted to mean anything: \(accepted)")
  }

  @Test func everyPrefixEndsInATreeOrAProblem() {
    for document in Self.corpus {
      forEveryPrefix(of: bytes(document)) { prefix in
        do throws(Problem) { _ = try Node(yaml: prefix) } catch { #expect(!error.message.isEmpty) }
      }
    }
  }

  /// libyaml is not linear in everything; a file of the largest size must still be read or refused soon.
  @Test(arguments: ["[", "{", "- ", "? ", "a: ", "\n", "'", "&a ", "%", "- [", "{a: [", "|\n"])
  func depthAndLengthAreNoBurden(_ unit: String) {
    for count in [31, 32, 33, 50_000] {
      do throws(Problem) { _ = try Node(yaml: bytes(String(repeating: unit, count: count))) } catch {
        #expect(!error.message.isEmpty)
      }
    }
  }

  private func depth(_ node: Node) -> Int {
    switch node.content {
    case .text: 0
    case .list(let items): 1 + (items.map(depth).max() ?? 0)
    case .mapping(let entries): 1 + (entries.map { depth($0.value) }.max() ?? 0)
    }
  }

  private func hasUniqueKeys(_ node: Node) -> Bool {
    switch node.content {
    case .text: true
    case .list(let items): items.allSatisfy(hasUniqueKeys)
    case .mapping(let entries):
      Set(entries.map(\.key)).count == entries.count && entries.allSatisfy { hasUniqueKeys($0.value) }
    }
  }
}
