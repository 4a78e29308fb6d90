import Testing

@testable import Console

@Suite struct JSONValueTests {
  @Test(arguments: [
    #"null"#, #"true"#, #"-0.5e+3"#, #""a\"\\\n""#, #"[]"#, #"{}"#, #"[1,[2,{"a":null}]]"#, #"{"z":1,"a":"é"}"#,
  ])
  func compactTextComesBack(_ text: String) throws {
    #expect(try JSONValue(parsing: text).compact == text)
  }

  @Test func membersKeepTheirOrderAndNumbersTheirText() throws {
    #expect(
      try JSONValue(parsing: #"{"b": 1.10, "a": 12345678901234567890}"#).pretty
        == "{\n  \"b\": 1.10,\n  \"a\": 12345678901234567890\n}")
  }

  @Test(arguments: [
    ("", 0), ("{", 1), ("[1,]", 3), ("01", 2), ("1.", 2), ("nul", 0), ("\"a", 2), ("[] x", 3), ("\"\\ud800\"", 7),
    ("\"\\x\"", 3),
    ("\"\u{1}\"", 2), ("{\"a\" 1}", 5),
  ])
  func faultsAreFoundWhereTheyAre(_ text: String, _ offset: Int) {
    #expect(throws: JSONFault.self) { try JSONValue(parsing: text) }
    do { _ = try JSONValue(parsing: text) } catch { #expect(error.offset == offset) }
  }

  @Test func depthIsBounded() {
    let deep = String(repeating: "[", count: 10_000)
    #expect(throws: JSONFault.self) { try JSONValue(parsing: deep) }
  }

  @Test func everyPrefixOfADocumentIsReadOrRefused() throws {
    let text = Array(#"{"a":[1,-2.5e3,"xA😀\n",true,null,{"b":{}}]}"#.utf8)
    #expect(try JSONValue(parsing: text)["a"]?.items.count == 6)
    for end in 0..<text.count { #expect(throws: JSONFault.self) { try JSONValue(parsing: Array(text[..<end])) } }
  }

  @Test func surrogatePairsAreOneCharacter() throws {
    #expect(try JSONValue(parsing: #""\ud83d\ude00""#) == .string("😀"))
  }
}

@Suite struct YAMLTextTests {
  @Test func onlyWhatJSONTakesForATypeIsOne() throws {
    let text = "a: no\nb: 1:30\nc: true\nd: 10\ne: \"10\"\nf: 0.5\ng: ~\nh: 010\n"
    let document = try JSONValue.documents(yaml: text, file: "f")[0]
    #expect(document.compact == #"{"a":"no","b":"1:30","c":true,"d":10,"e":"10","f":0.5,"g":null,"h":"010"}"#)
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    let value = try JSONValue(parsing: #"{"z":"10","a":[true,"true",null,"","x: y"],"n":1.5,"o":{"k":[]},"s":"no"}"#)
    #expect(try JSONValue.documents(yaml: try value.yaml, file: "f") == [value])
  }

  @Test func aFaultNamesFileAndLine() {
    do {
      _ = try JSONValue.documents(yaml: "a: 1\nb: [", file: "mesh.yaml")
      Issue.record("no fault found")
    } catch {
      guard case .usage(let text) = error else { return #expect(Bool(false), "\(error)") }
      #expect(text.hasPrefix("mesh.yaml: "))
      #expect(text.contains("3:") || text.contains("2:") || text.contains("line"))
    }
  }
}
