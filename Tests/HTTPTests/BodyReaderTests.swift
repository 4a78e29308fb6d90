import HTTP
import TestSupport
import Testing

@Suite struct BodyReaderTests {
  @Test("27 a length ends the body, whatever follows looks like")
  func lengthEnds() {
    let result = body(.length(5), [bytes("helloGET / HTTP/1.1\r\n\r\n")])
    #expect(result.text == "hello" && result.isDone && result.rest == 18)
  }

  @Test func noBodyIsDoneAtOnce() {
    #expect(BodyReader(.none).isDone && BodyReader(.length(0)).isDone)
    #expect(!BodyReader(.chunked).isDone && !BodyReader(.untilClose).isDone && !BodyReader(.length(1)).isDone)
  }

  @Test func theLargestPieceIsHandedOut() {
    var reader = BodyReader(.length(UInt64(Int64.max)))
    let input = [UInt8](repeating: 7, count: 10_000)
    #expect(reader.next(input.span) == .data(start: 0, end: 10_000, consumed: 10_000))
    var chunks = BodyReader(.chunked)
    let chunk = bytes("5dc\r\n") + [UInt8](repeating: 7, count: 1500) + bytes("\r\n0\r\n\r\n")
    #expect(chunks.next(chunk.span) == .data(start: 5, end: 1505, consumed: 1505))
    #expect(chunks.next(Array(chunk[1505...]).span) == .end(consumed: 7))
    #expect(chunks.isDone)
  }

  @Test func chunksAreJoined() {
    let result = chunked("5\r\nhello\r\nA;x=\"y\"; z\r\n, world!!!\r\n000\r\n\r\nNEXT")
    #expect(result.text == "hello, world!!!" && result.isDone && result.rest == 4)
  }

  @Test(
    "7 a chunk size that is not 1 to 16 hexadecimal digits below 2^63 is 400",
    arguments: [
      "+5", "-5", "0x5", " 5", "5 ", "5\t;x", "", "g", "5g", "00000000000000005", "8000000000000000",
      "ffffffffffffffff", "5,", ";x", "5\u{b}",
    ])
  func badSize(_ size: String) {
    let result = chunked("\(size)\r\nhello\r\n0\r\n\r\n")
    #expect(result.fault == .badChunkSize && result.data.isEmpty)
    #expect(HTTPFault.badChunkSize.status == 400)
  }

  @Test("7 sixteen digits are right")
  func longSize() {
    #expect(chunked("0000000000000005\r\nhello\r\n0\r\n\r\n").text == "hello")
  }

  @Test("8 extensions of more than 1 KiB in a body are 400, in one chunk or in many")
  func extensionLimit() {
    func one(_ n: Int) -> ReadBody { chunked("5;" + String(repeating: "x", count: n) + "\r\nhello\r\n0\r\n\r\n") }
    #expect(one(1024).isDone)
    #expect(one(1025).fault == .chunkExtensionsTooLong)
    let many = String(repeating: "1;" + String(repeating: "x", count: 100) + "\r\na\r\n", count: 11)
    #expect(chunked(many + "0\r\n\r\n").fault == .chunkExtensionsTooLong)
  }

  @Test("8 a bare line feed or a control character in a size line is 400")
  func badLine() {
    #expect(chunked("5\nhello\r\n").fault == .bareLineFeed)
    #expect(chunked("5;x\nhello\r\n").fault == .bareLineFeed)
    #expect(chunked("5;x\ry\r\nhello\r\n").fault == .bareCarriageReturn)
    #expect(chunked("5\r\rhello\r\n").fault == .bareCarriageReturn)
    #expect(chunked("5;\0\r\nhello\r\n").fault == .badChunkExtension)
    #expect(chunked("5;\u{7f}\r\nhello\r\n").fault == .badChunkExtension)
  }

  @Test(
    "9 chunk data without CR LF behind it is 400",
    arguments: ["helloX\r\n", "hello\n", "hello\r\r\n", "hello0\r\n\r\n"])
  func noChunkEnd(_ data: String) {
    let result = chunked("5\r\n\(data)0\r\n\r\n")
    #expect(result.fault == .missingChunkEnd && result.text == "hello" && !result.isDone)
  }

  @Test func trailersComeWhole() {
    let result = chunked("0\r\nX-Sum: 1\r\ngrpc-status: 0\r\n\r\nNEXT")
    #expect(result.isDone && result.rest == 4)
    #expect(text(result.trailers) == "X-Sum: 1\r\ngrpc-status: 0\r\n\r\n")
  }

  @Test("10 forbidden trailers are left out and counted")
  func forbiddenTrailers() {
    let section = bytes(
      "X-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: a\r\nAuthorization: x\r\nTE: x\r\n"
        + "Connection: x\r\n"
        + "l5d-dtab: x\r\nheddle-error: x\r\nX-Forwarded-For: x\r\nl5d_dtab: x\r\nCookie: x\r\nUpgrade: x\r\n"
        + "Content-Type: x\r\n"
        + "grpc-status: 0\r\n\r\n")
    var table = FieldTable()
    #expect(table.parseTrailers(section.span) == .complete(section.count))
    #expect(readFields(table, of: section).map(\.name) == ["X-Sum", "grpc-status"])
    #expect(table.droppedCount == 13)
    #expect(table.contains(.grpcStatus) && !table.contains(.host))
  }

  @Test(
    "10 malformed trailers are a fault",
    arguments: [
      ("X : y\r\n", HTTPFault.spaceBeforeColon), ("X: y\n", .bareLineFeed), ("X: a\rb\r\n", .bareCarriageReturn),
      (" X: y\r\n", .foldedLine),
      (": y\r\n", .emptyFieldName), ("X: \0\r\n", .controlCharacter), ("X\r\n", .missingColon), ("\n", .bareLineFeed),
    ])
  func badTrailers(_ lines: String, _ fault: HTTPFault) {
    #expect(chunked("0\r\n\(lines)\r\n").fault == fault)
  }

  @Test func trailersAreBounded() {
    let long = "X: " + String(repeating: "y", count: 16_384 - 7)
    #expect(chunked("0\r\n\(long)\r\n\r\n").isDone)
    #expect(chunked("0\r\n\(long)y\r\n\r\n").fault == .trailersTooLarge)
    #expect(chunked("0\r\n\(long)yyyyy").fault == .trailersTooLarge)
    #expect(chunked("0\r\n" + String(repeating: "X: y\r\n", count: 101) + "\r\n").fault == .trailersTooLarge)
    #expect(HTTPFault.trailersTooLarge.status == 431)
  }

  @Test("34 the end of the connection completes only a body that runs until it")
  func endOfInput() {
    for framing in [BodyFraming.length(5), .chunked] {
      var reader = BodyReader(framing)
      #expect(reader.next(bytes("5").span) != .end(consumed: 1))
      #expect(reader.endOfInput() == .truncatedBody)
      #expect(!reader.isDone)
      #expect(reader.next(bytes("more").span) == .fault(.truncatedBody))
    }
    var open = BodyReader(.untilClose)
    #expect(open.next(bytes("abc").span) == .data(start: 0, end: 3, consumed: 3))
    #expect(open.endOfInput() == nil && open.isDone)
    var whole = BodyReader(.none)
    #expect(whole.endOfInput() == nil)
  }

  static let goodBodies: [(BodyFraming, String)] = [
    (.length(11), "hello world"),
    (.chunked, "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n"),
    (.chunked, "b\r\nhello world\r\n0;x\r\nX-Sum: 1\r\nY: z\r\n\r\n"),
    (.chunked, "0000b\r\nhello world\r\n00\r\n\r\n"),
  ]

  @Test(arguments: 0..<4) func everySplitGivesTheSame(_ which: Int) {
    let (framing, text) = BodyReaderTests.goodBodies[which]
    let whole = bytes(text)
    let expected = body(framing, [whole])
    #expect(expected.text == "hello world" && expected.isDone && expected.rest == 0)
    forEverySplit(of: whole) { first, second in
      #expect(body(framing, [first, second]) == expected, "cut at \(first.count)")
    }
    #expect(body(framing, whole.map { [$0] }) == expected)
    forEveryPrefix(of: whole) { prefix in
      let part = body(framing, [prefix])
      #expect(!part.isDone || framing == .length(11) && prefix.count == 11)
      #expect(part.fault == nil)
    }
  }

  @Test func sizesUpToTheLimitAreExact() {
    var random = SeededRandom(seed: 11)
    for _ in 0..<200 {
      let sizes = (0...random.below(6)).map { _ in 1 + random.below(300) }
      var wire: [UInt8] = []
      var content: [UInt8] = []
      for size in sizes {
        let data = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        wire += bytes(String(size, radix: 16, uppercase: random.below(2) == 0) + "\r\n") + data + bytes("\r\n")
        content += data
      }
      wire += bytes("0\r\n\r\n")
      let result = body(.chunked, random.pieces(of: wire, most: 64))
      #expect(result.data == content && result.isDone && result.rest == 0)
    }
  }
}
