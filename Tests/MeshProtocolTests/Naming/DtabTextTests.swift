import MeshProtocol
import Testing

@Suite struct DtabTextTests {
  @Test func placesOfEntriesAndLeaves() throws {
    let text = """
      # first
      /svc => 9 * /a & ( ! | /b ) ;
        /x/* => ~ ; /y => /c
      """
    let read = try DtabText(parsing: text)
    #expect(read.dtab == (try Dtab(parsing: text)))
    let bytes = Array(text.utf8)
    let tails = { (offset: Int) in String(decoding: bytes[offset...].prefix(2), as: UTF8.self) }
    #expect(read.entries.map { tails($0.offset) } == ["/s", "/x", "/y"])
    #expect(read.entries.map { $0.places.map(tails) } == [["/a", "! ", "/b"], ["~ "], ["/c"]])
  }

  @Test func placesInAPrintedTree() throws {
    let tree = try NameTree<Path>(parsing: "9*/a & (/b | ~)")
    #expect(tree.description == "9*/a & (/b | ~)")
    #expect((0...3).map { DtabText.offset(ofPlace: $0, in: tree) } == [2, 8, 13, nil])
  }

  @Test func refusesWhatADtabRefuses() {
    #expect(throws: NamingError.self) { try DtabText(parsing: "/a => /b &") }
    #expect((try? DtabText(parsing: ""))?.entries.isEmpty == true)
  }
}
