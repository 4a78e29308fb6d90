import Testing

@testable import Settings

@Suite("YAML file")
struct YAMLFileTests {
  private func parse(_ text: String) throws -> Node { try Node(yaml: Array(text.utf8)) }

  private func problem(_ text: String) -> Problem? {
    do {
      _ = try Node(yaml: Array(text.utf8))
      return nil
    } catch {
      return error
    }
  }

  @Test("Mappings, lists and texts with their places")
  func tree() throws {
    let root = try parse("a: 1\nb:\n  - x\n  - 'null'\n  - ~\nc: {d: e}\n")
    #expect(root["a"]?.content == .text("1", quoted: false))
    #expect(root["c"]?["d"]?.mark == Mark(line: 6, column: 8))
    guard case .list(let items)? = root["b"]?.content else {
      Issue.record("not a list")
      return
    }
    #expect(items.map(\.isNull) == [false, false, true])
    #expect(items[0].mark == Mark(line: 3, column: 5))
  }

  @Test("An empty file is an empty mapping", arguments: ["", "\n", "# only words\n"])
  func empty(_ text: String) throws {
    #expect(try parse(text).content == .mapping([]))
  }

  @Test("Duplicate keys are refused with both places")
  func duplicate() {
    #expect(
      problem("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")?.description
        == "duplicate key c, first at line 3 column 3, line 5 column 3")
  }

  @Test(
    "What expands or hides is refused",
    arguments: [
      ("a: &x 1\n", "anchors are not read; write the value out, line 1 column 4"),
      ("a: *x\n", "aliases are not read; write the value out, line 1 column 4"),
      ("a: !!binary abc\n", "tags are not read, line 1 column 4"),
      ("a: &x [1]\nb: [*x, *x]\n", "anchors are not read; write the value out, line 1 column 4"),
      ("a: 1\n---\nb: 2\n", "a second document begins here; one is read, line 2 column 1"),
      ("? [a]\n: b\n", "a key must be a text, line 1 column 3"),
    ])
  func refused(_ text: String, _ message: String) {
    #expect(problem(text)?.description == message)
  }

  @Test("Depth, size and number of values are bounded")
  func limits() {
    let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
    #expect(problem(deep)?.message == "nested deeper than 32 levels")
    #expect(problem(String(repeating: "[", count: 32) + String(repeating: "]", count: 32)) == nil)
    // Some releases of libyaml refuse this depth themselves, in their own words.
    #expect(problem(String(repeating: "[", count: 500_000))?.message.contains("nest") == true)
    #expect(problem(String(repeating: "#", count: 1 << 20)) == nil)
    #expect(
      problem(String(repeating: "#", count: (1 << 20) + 1))?.message.hasPrefix("the file has 1048577 bytes") == true)
    #expect(problem("[" + String(repeating: "1,", count: 100_001) + "]")?.message == "more than 100000 values")
  }

  @Test("Syntax errors say where")
  func syntax() {
    #expect(problem("a: [1\nb: 2\n")?.origin == .file(Mark(line: 2, column: 2)))
    #expect(problem("a: \"x")?.message == "found unexpected end of stream")
    #expect(problem("a: 1\nb: \u{1}\n")?.origin == .file(Mark(line: 2, column: 4)))
  }

  @Test("Bytes that are not UTF-8 are refused, never repaired")
  func encoding() {
    #expect(throws: Problem.self) { try Node(yaml: [0x61, 0x3A, 0x20, 0xFF, 0xFE]) }
    #expect(throws: Problem.self) { try Node(yaml: [0x61, 0x00, 0x62]) }
  }
}
