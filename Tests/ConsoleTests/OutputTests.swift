import Testing

@testable import Console

@Suite struct FiguresTests {
  @Test(arguments: [
    (0.0, 1, "0.0"), (1.25, 1, "1.3"), (99.96, 1, "100.0"), (-0.04, 1, "0.0"), (1234.5, 0, "1235"), (0.005, 2, "0.01"),
  ])
  func rounding(_ value: Double, _ places: Int, _ text: String) {
    #expect(Figures.rounded(value, places: places) == text)
  }

  @Test func whatIsMissingOrNoNumberIsADash() {
    #expect(Figures.rounded(nil, places: 1) == "-")
    #expect(Figures.rounded(.nan, places: 1) == "-")
    #expect(Figures.rounded(.infinity, places: 1) == "-")
    #expect(Figures.percent(nil) == "-")
  }

  @Test func durations() {
    #expect(Figures.duration("250ms") == .milliseconds(250))
    #expect(Figures.duration("1.5s") == .milliseconds(1500))
    #expect(Figures.duration("5m") == .seconds(300))
    #expect(Figures.duration("1h") == .seconds(3600))
    for text in ["", "s", "5", "-1s", "1d", "nans", "infs"] { #expect(Figures.duration(text) == nil, "\(text)") }
  }
}

@Suite struct CaretTests {
  @Test func theCaretStandsUnderTheByteOfItsLine() {
    let text = "/a => /b ;\n/svc => 3 * ;\n"
    #expect(
      Caret.pointing(at: 23, in: text, saying: "expected a tree")
        == "2 | /svc => 3 * ;\n  |             ^ expected a tree")
  }

  @Test(arguments: [-5, 0, 3, 4, 1000]) func anyOffsetIsShown(_ offset: Int) {
    #expect(Caret.pointing(at: offset, in: "abc\n", saying: "x").hasSuffix("^ x"))
  }

  @Test func longLinesAreCutAroundTheFault() {
    let text = String(repeating: "a", count: 500) + "!" + String(repeating: "b", count: 500)
    let lines = Caret.pointing(at: 500, in: text, saying: "here").split(separator: "\n").map(Array.init)
    #expect(lines[0].count < 120)
    let caret = lines[1].firstIndex(of: "^")
    #expect(caret.map { lines[0][$0] } == "!")
  }

  @Test func columnsCountCharactersNotBytes() {
    #expect(Caret.pointing(at: 3, in: "é→x", saying: "x").split(separator: "\n")[1].hasPrefix("  |"))
  }
}

@Suite struct TableTests {
  @Test func columnsAlign() {
    var table = Table(["NAME", "N"], numeric: ["N"])
    table.add("a", "1000")
    table.add("long", "1")
    let terminal = Terminal(write: { _ in }, complain: { _ in })
    #expect(table.render(on: terminal) == "NAME     N\na     1000\nlong     1\n")
  }

  @Test func colourDoesNotMoveColumns() {
    var table = Table(["A", "B"])
    table.add(.init("x", .red), "y")
    let terminal = Terminal(write: { _ in }, complain: { _ in }, hasColour: true)
    #expect(table.render(on: terminal).contains("\u{1B}[31mx\u{1B}[0m  y"))
  }
}

@Suite struct EventReaderTests {
  static let text =
    "id: 7\nevent: revision\ndata: {\"revision\": 7}\n\n: comment\ndata: a\r\ndata: b\r\n\r\nevent: empty\n\n"

  @Test func eventsComeOutOfEverySplit() {
    let bytes = Array(Self.text.utf8)
    for split in 0...bytes.count {
      var reader = EventReader()
      let events = reader.receive(Array(bytes[..<split])) + reader.receive(Array(bytes[split...]))
      #expect(
        events == [
          .init(id: "7", kind: "revision", data: "{\"revision\": 7}"), .init(id: "7", kind: "message", data: "a\nb"),
        ])
    }
  }

  @Test func anEndlessEventIsBounded() {
    var reader = EventReader()
    let line = Array(("data: " + String(repeating: "x", count: 1 << 16) + "\n").utf8)
    for _ in 0..<200 { _ = reader.receive(line) }
    let events = reader.receive([0x0A])
    #expect((events.first?.data.utf8.count ?? 0) <= EventReader.limit)
  }
}
