import Testing

@testable import JSONFormat

struct JSONTests {
  private func parse(_ text: String) throws -> JSON { try JSONParser.parse(Array(text.utf8)) }

  private func fault(_ text: String) -> JSONFault? {
    do throws(JSONFault) {
      _ = try JSONParser.parse(Array(text.utf8))
      return nil
    } catch { return error }
  }

  @Test func readsEveryKindOfValue() throws {
    let json = try parse(#" {"a":[1,-2.5,1e3,true,false,null],"b":"x\né\u00e9\ud83d\ude00\/"} "#)
    #expect(json == ["a": [1, .number(-2.5), .number(1000), true, false, nil], "b": "x\né\u{e9}\u{1F600}/"])
  }

  @Test func printsWhatItReads() throws {
    let text = #"{"a":[1,-2.5,0.1,true,null,{}],"b":"\"\\\n\u0001é","c":9007199254740993}"#
    #expect(try parse(text).printedText == text)
    #expect(try parse(parse(text).printedIndented()) == parse(text))
    #expect(JSON.number(.nan).printedText == "null")
  }

  @Test func refusesDuplicateNamesWithTheirPointer() {
    #expect(fault(#"{"a":{"b~/c":1,"b~/c":2}}"#)?.pointer.description == "/a/b~0~1c")
    #expect(fault(#"{"a":1,"\u0061":2}"#)?.pointer.description == "/a")
  }

  @Test func refusesWhatIsNoJSON() {
    let texts = [
      "", " ", "{", "[", "[1", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "'a'", "tru", "nul", "01", "-",
      "1.", ".5", "+1", "1e", "0x1",
      "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "\"a", "\"\\q\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
      "\"\\ud800\\u0041\"", "\"a\nb\"",
      "[1] 2", "{} {}", "\u{FEFF}{}", "[1 2]", "{\"a\" 1}", "\"\u{1}\"",
    ]
    for text in texts { #expect(fault(text) != nil, "\(text)") }
  }

  @Test func refusesBytesThatAreNotUTF8() {
    #expect(throws: JSONFault.self) { try JSONParser.parse([0x22, 0xC3, 0x28, 0x22]) }
    #expect(throws: JSONFault.self) { try JSONParser.parse([0x22, 0xED, 0xA0, 0x80, 0x22]) }
    #expect(throws: JSONFault.self) { try JSONParser.parse([0xFF]) }
  }

  @Test func nestsToTheLimitAndNoDeeper() throws {
    let deep = { (n: Int) in String(repeating: "[", count: n) + String(repeating: "]", count: n) }
    _ = try parse(deep(JSONParser.depthLimit))
    #expect(fault(deep(JSONParser.depthLimit + 1)) != nil)
    #expect(fault(String(repeating: "[", count: 100_000)) != nil)
    #expect(fault(String(repeating: "{\"a\":", count: 10_000)) != nil)
  }

  @Test func keepsWholeNumbersExactAndMarksOthers() throws {
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("9223372036854775808").whole == nil)
    #expect(try parse("1.0").whole == nil)
    #expect(try parse("-0") == .integer(0))
  }

  @Test(arguments: ["-0.5e+3", "1.10", "12345678901234567890", "-0", "1E400", "7", "-9223372036854775808"])
  func aFaithfulReaderKeepsNumbersAsTheyAreWritten(_ text: String) throws {
    let json = try JSONParser.parse(Array("[\(text)]".utf8), reading: .faithful)
    #expect(json.printedText == "[\(text)]")
    #expect((json[0]?.whole != nil) == (Int64(text).map { String($0) == text } ?? false))
  }

  @Test func aFaithfulReaderGoesDeeper() throws {
    let deep = { (n: Int) in Array((String(repeating: "[", count: n) + String(repeating: "]", count: n)).utf8) }
    let limit = JSONReading.faithful.depthLimit
    #expect(limit > JSONParser.depthLimit)
    _ = try JSONParser.parse(deep(limit), reading: .faithful)
    #expect(throws: JSONFault.self) { try JSONParser.parse(deep(limit + 1), reading: .faithful) }
  }
}
