import MeshProtocol
import Testing

/// What texts beyond the limits give: an error that states the limit, never a deep stack.
@Suite struct LimitTests {
  @Test func nestedParentheses() {
    let fits = String(repeating: "(", count: 64) + "/a" + String(repeating: ")", count: 64)
    #expect(NamingCheck.fault(inDestination: fits) == nil)
    let error = NamingCheck.fault(inDestination: String(repeating: "(", count: 500_000))
    #expect(error?.expected == "at most 64 nested parentheses")
    #expect(error?.offset == 64)
  }

  @Test func textAndSegments() {
    let long = NamingCheck.fault(inPath: "/" + String(repeating: "a", count: 1 << 20))
    #expect(long?.expected == "at most 1048576 bytes")
    #expect(long?.found == "1048577 bytes")
    #expect(NamingCheck.fault(inPath: String(repeating: "/a", count: 1024)) == nil)
    #expect(NamingCheck.fault(inPath: String(repeating: "/a", count: 1025))?.expected == "at most 1024 segments")
    #expect(NamingCheck.fault(inPrefix: String(repeating: "/*", count: 128)) == nil)
    #expect(
      NamingCheck.fault(inPrefix: String(repeating: "/a", count: 129))?.expected == "at most 128 elements of a prefix")
  }

  @Test func dentries() throws {
    #expect(try Dtab(parsing: "/a=>/b;/c=>/d;", atMost: 2).dentries.count == 2)
    #expect { try Dtab(parsing: "/a=>/b;/c=>/d", atMost: 1) } throws: { error in
      (error as? NamingError)?.message == "at most 1 dentries expected but '/' found at '/a=>/b;[/]c=>/d'"
    }
  }

  @Test func longTextsAreShownAroundTheFault() throws {
    let error = try #require(NamingCheck.fault(inPath: "/" + String(repeating: "ä", count: 2000)))
    #expect(error.place.hasPrefix("/[ä]ää"))
    #expect(error.place.hasSuffix("ä…"))
    #expect(error.place.utf8.count < 540)
    let late = try #require(NamingCheck.fault(inPath: "/" + String(repeating: "a", count: 2000) + "ä"))
    #expect(late.offset == 2001)
    #expect(late.place == "…" + String(repeating: "a", count: 512) + "[ä]")
  }

  @Test(arguments: [Double.nan, -1, .infinity, -.infinity, 1.1e15, -0.001])
  func weightsRefusedAsNumbers(_ value: Double) {
    #expect(Weight(value) == nil)
    #expect(NamingCheck.fault(inWeight: value)?.expected == "weight from 0 to 1000000000000000")
  }

  @Test func weightsRefusedAsText() {
    let digits = String(repeating: "9", count: 399)
    #expect(NamingCheck.fault(inDestination: "\(digits)*/a & /b")?.expected == "weight of at most 1000000000000000")
    #expect(NamingCheck.fault(inDestination: "9999999999999999*/a")?.offset == 0)
    #expect(NamingCheck.fault(inDestination: digits + "99*/a")?.expected == "number of at most 400 digits")
    #expect(NamingCheck.fault(inWeight: 0) == nil)
    #expect(NamingCheck.fault(inWeight: -0.0) == nil)
  }
}
