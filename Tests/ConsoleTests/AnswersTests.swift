import JSONFormat
import Testing

@testable import Console

@Suite struct AnswersTests {
  @Test(arguments: [
    #"null"#, #"true"#, #"-0.5e+3"#, #""a\"\\\n""#, #"[]"#, #"{}"#, #"[1,[2,{"a":null}]]"#, #"{"z":1.10,"a":12345678901234567890}"#,
  ])
  func whatTheControllerSaidIsPrinted(_ text: String) throws {
    let run = Run("rules", "list", "-o", "json", answers: [.json("{\"rules\":[],\"x\":\(text)}")])
    #expect(run.output.filter { !$0.isWhitespace } == "{\"x\":\(text),\"rules\":[]}")
  }

  @Test func valuesAreFoundByPointer() throws {
    let value = try JSON.answer(#"{"a":[{"b/c":1},{"d~":2.5}]}"#)
    #expect(value.at(pointer: "/a/0/b~1c")?.integer == 1)
    #expect(value.at(pointer: "/a/1/d~0")?.double == 2.5)
    #expect(value.at(pointer: "/a/2") == nil && value.at(pointer: "/a/x") == nil && value.at(pointer: "/b") == nil)
  }

  @Test func cellsAreBare() throws {
    #expect(try JSON.answer(#"["x",1,1.50,true,null,{"a":"b"}]"#).plain == "x, 1, 1.50, true, , a=b")
  }

  @Test(arguments: [("2.0", 2), ("1e3", 1000), ("12345678901234567890", nil), ("0.5", nil)] as [(String, Int?)])
  func wholeNumbersAreWholeHoweverTheyAreWritten(_ text: String, _ whole: Int?) throws {
    #expect(try JSON.answer(text).integer == whole)
  }
}

@Suite struct YAMLTextTests {
  @Test func onlyWhatJSONTakesForATypeIsOne() throws {
    let text = "a: no\nb: 1:30\nc: true\nd: 10\ne: \"10\"\nf: 0.5\ng: ~\nh: 010\n"
    let document = try JSON.documents(yaml: text, file: "f")[0]
    #expect(document.printedText == #"{"a":"no","b":"1:30","c":true,"d":10,"e":"10","f":0.5,"g":null,"h":"010"}"#)
  }

  @Test func whatIsWrittenReadsBackTheSame() throws {
    let value = try JSON.answer(#"{"z":"10","a":[true,"true",null,"","x: y"],"n":1.5,"o":{"k":[]},"s":"no"}"#)
    #expect(try JSON.documents(yaml: try value.yaml, file: "f") == [value])
  }

  @Test func aFaultNamesFileAndLine() {
    do {
      _ = try JSON.documents(yaml: "a: 1\nb: [", file: "mesh.yaml")
      Issue.record("no fault found")
    } catch {
      guard case .usage(let text) = error else { return #expect(Bool(false), "\(error)") }
      #expect(text.hasPrefix("mesh.yaml: "))
      #expect(text.contains("3:") || text.contains("2:") || text.contains("line"))
    }
  }
}
