import Memory
import TestSupport
import Testing

@testable import HTTP2

/// One end of a connection: blocks in, lists out.
struct BlockReader: ~Copyable {
  private var decoder = HPACKDecoder()
  private var fields = FieldCollector()

  /// Lines of the block, nil when it cannot be decoded.
  mutating func read(_ block: [UInt8]) -> [String]? {
    fields.begin(limit: 1 << 20)
    guard decoder.decode(block.span, into: &fields) == .whole else { return nil }
    return fields.take()?.fields.map { "\($0.name): \($0.value)" }
  }
}

/// Bytes in hexadecimal digits, blanks between them left out.
func hex(_ text: String) -> [UInt8] {
  let digits = text.filter { $0 != " " }
  return stride(from: 0, to: digits.count, by: 2).map { at in
    let start = digits.index(digits.startIndex, offsetBy: at)
    return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
  }
}

/// Field blocks, read and written (RFC 7541).
@Suite struct HPACKTests {
  private func encode(_ encoder: inout HPACKEncoder, _ fields: [(String, String)]) -> [UInt8] {
    var output = ByteBuffer()
    encoder.begin(&output)
    for (name, value) in fields { encoder.encode(name: bytes(name).span, value: bytes(value).span, into: &output) }
    return [UInt8](copying: output.span)
  }

  // MARK: Examples of RFC 7541 Appendix C

  private static let requests = [
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
    [":method: GET", ":scheme: https", ":path: /index.html", ":authority: www.example.com", "custom-key: custom-value"],
  ]

  @Test func readsTheRequestsOfAppendixC3() {
    var reader = BlockReader()
    #expect(reader.read(hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d")) == Self.requests[0])
    #expect(reader.read(hex("8286 84be 5808 6e6f 2d63 6163 6865")) == Self.requests[1])
    #expect(reader.read(hex("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65")) == Self.requests[2])
  }

  @Test func readsTheHuffmanCodedRequestsOfAppendixC4() {
    var reader = BlockReader()
    #expect(reader.read(hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")) == Self.requests[0])
    #expect(reader.read(hex("8286 84be 5886 a8eb 1064 9cbf")) == Self.requests[1])
    #expect(reader.read(hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")) == Self.requests[2])
  }

  /// With a table of 256 bytes, so that fields leave it.
  @Test func readsTheHuffmanCodedResponsesOfAppendixC6() {
    var reader = BlockReader()
    let date = "Mon, 21 Oct 2013 20:13:21 GMT"
    let first = [":status: 302", "cache-control: private", "date: \(date)", "location: https://www.example.com"]
    #expect(
      reader.read(
        hex("3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff")
          + hex("6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3")) == first)
    #expect(reader.read(hex("4883 640e ffc1 c0bf")) == [":status: 307"] + first[1...])
    #expect(
      reader.read(
        hex("88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7")
          + hex("821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07"))
        == [
          ":status: 200", "cache-control: private", "date: Mon, 21 Oct 2013 20:13:22 GMT", "location: https://www.example.com",
          "content-encoding: gzip", "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ])
  }

  @Test func writesAnIntegerAsAppendixC1() {
    for (value, prefix, bytes) in [(10, 5, [10]), (1337, 5, [0x1f, 0x9a, 0x0a]), (42, 8, [42])] as [(Int, UInt8, [UInt8])] {
      var output = ByteBuffer()
      output.append(integer: value, 0, prefix: prefix)
      #expect([UInt8](copying: output.span) == bytes)
      var at = 0
      let read = integer(bytes.span, &at, prefix: prefix)
      #expect(read == value && at == bytes.count)
    }
  }

  // MARK: There and back

  @Test func aFieldOfTheTableCostsOneByte() {
    var encoder = HPACKEncoder()
    let fields = [(":method", "GET"), ("x-team", "loom"), ("user-agent", "curl/8.5")]
    let first = encode(&encoder, fields)
    let again = encode(&encoder, fields)
    #expect(again == [0x82, 0xbf, 0xbe])
    var reader = BlockReader()
    let lines = [":method: GET", "x-team: loom", "user-agent: curl/8.5"]
    #expect(reader.read(first) == lines)
    #expect(reader.read(again) == lines)
  }

  @Test func namesBecomeLowerCaseAndAreFoundInAnyCase() {
    var encoder = HPACKEncoder()
    var reader = BlockReader()
    #expect(reader.read(encode(&encoder, [("X-Team", "Loom"), ("User-Agent", "A")])) == ["x-team: Loom", "user-agent: A"])
    #expect(encode(&encoder, [("x-TEAM", "Loom")]) == [0xbf])
  }

  /// What changes with every message is not put into the table, nor what fills it; what is secret says so.
  @Test func writesSomeFieldsWithoutTheTable() {
    var encoder = HPACKEncoder()
    let plain = [
      (":path", "/a"), ("age", "1"), ("content-length", "5"), ("etag", "x"), ("location", "/b"), ("set-cookie", "a=b"),
      ("x-large", String(repeating: "x", count: 2100)),
    ]
    for field in plain {
      let block = encode(&encoder, [field])
      #expect(block[0] & 0xf0 == 0, "\(field.0)")
      #expect(encode(&encoder, [field]) == block, "\(field.0) is not in the table")
    }
    for field in [("authorization", "Basic x"), ("proxy-authorization", "y"), ("cookie", "short=1"), ("X-Api-Token", "t")] {
      #expect(encode(&encoder, [field])[0] & 0xf0 == 0x10, "\(field.0)")
    }
    #expect(encode(&encoder, [("cookie", "long=" + String(repeating: "1", count: 30))])[0] & 0xc0 == 0x40)
  }

  /// Random fields through both ends, the peer's table now and then made smaller or larger.
  @Test func bothEndsAgreeWhateverIsSaid() {
    var random = SeededRandom(seed: 0x7541)
    var encoder = HPACKEncoder()
    var reader = BlockReader()
    let names = ["x-a", "x-b", "cookie", ":path", "accept", "etag", "authorization", "x-long-name-of-a-field"]
    for round in 0..<2000 {
      if random.below(20) == 0 {
        encoder.setLimit(UInt32(random.below(5000)))
        if random.below(2) == 0 { encoder.setLimit(UInt32(random.below(5000))) }
      }
      var fields: [(String, String)] = []
      for _ in 0..<random.below(12) {
        let value = String(repeating: "v\(random.below(6))", count: random.below(random.below(30) == 0 ? 1500 : 40))
        fields.append((names[random.below(names.count)], value))
      }
      guard reader.read(encode(&encoder, fields)) == fields.map({ "\($0.0): \($0.1)" }) else {
        Issue.record("round \(round): the ends do not agree")
        return
      }
    }
  }

  @Test func theSmallestSizeIsSaidFirst() {
    var encoder = HPACKEncoder()
    encoder.setLimit(0)
    encoder.setLimit(100)
    #expect(encode(&encoder, [(":method", "GET")]) == [0x20, 0x3f, 0x45, 0x82])
    #expect(encode(&encoder, [(":method", "GET")]) == [0x82])
    encoder.setLimit(1 << 20)
    #expect(encode(&encoder, []) == [0x3f, 0xe1, 0x1f], "no more than 4096 is used")
  }

  // MARK: What is no block

  @Test(arguments: [
    ("80", "index 0"), ("be", "an index that nothing has"), ("ff ff ff ff ff 7f", "an index without end"),
    ("7f ff ff ff ff 0f", "a name's index without end"), ("40", "nothing behind the first byte"),
    ("40 05 61", "a string that breaks off"), ("44 7f ff ff ff ff 7f", "a length without end"),
    ("82 20", "a size update behind a field"), ("3f e2 1f", "a size above what we said"), ("41 81 00", "padding of zeros"),
    ("41 83 1f ff ff", "more than seven bits of padding"), ("41 84 ff ff ff ff", "the end of string"), ("41 83 ff ff fe", "a code that breaks off"),
  ])
  func refuses(_ block: String, _ fault: String) {
    var reader = BlockReader()
    #expect(reader.read(hex(block)) == nil, "\(fault)")
  }

  /// A list above the limit is thrown away, and the table is as the peer believes it to be.
  @Test func keepsTheTableWhereTheListIsTooLarge() {
    var encoder = HPACKEncoder()
    let block = encode(&encoder, [("x-a", String(repeating: "a", count: 100)), ("x-b", "b")])
    var decoder = HPACKDecoder()
    var fields = FieldCollector()
    fields.begin(limit: 120)
    let isRead = decoder.decode(block.span, into: &fields)
    #expect(isRead == .whole)
    #expect(fields.take() == nil)
    fields.begin(limit: 120)
    let isAgain = decoder.decode(encode(&encoder, [("x-b", "b")]).span, into: &fields)
    #expect(isAgain == .whole)
    #expect(fields.take()?.fields.map(\.value) == ["b"])
  }

  /// Every symbol by itself and many in a row, coded by the table that the decoder reads by.
  @Test func readsEverySymbolOfTheHuffmanCode() {
    var code: [(bits: UInt64, length: Int)] = Array(repeating: (0, 0), count: 256)
    for place in 0..<256 {
      let length = (5...30).last { huffmanPlaces[$0] <= place } ?? 0
      code[Int(huffmanSymbols[place])] = (UInt64(huffmanFirst[length]) + UInt64(place) - UInt64(huffmanPlaces[length]), length)
    }
    #expect(code[Int(UInt8(ascii: "0"))] == (0, 5))
    #expect(code[Int(UInt8(ascii: "&"))] == (0xf8, 8))
    #expect(code[10] == (0x3fff_fffc, 30))
    #expect(code[249] == (0xfff_fffe, 28))
    for start in 0..<256 {
      let text = (0..<7).map { UInt8(truncatingIfNeeded: start + $0 * 37) }
      var output = ByteBuffer()
      let isRead = decodeHuffman(coded(text, code).span, into: &output)
      #expect(isRead)
      #expect([UInt8](copying: output.span) == text)
    }
  }

  private func coded(_ text: [UInt8], _ code: [(bits: UInt64, length: Int)]) -> [UInt8] {
    var bits: [Bool] = []
    for byte in text {
      let (word, length) = code[Int(byte)]
      for at in (0..<length).reversed() { bits.append(word >> UInt64(at) & 1 == 1) }
    }
    while bits.count % 8 != 0 { bits.append(true) }
    return stride(from: 0, to: bits.count, by: 8).map { start in bits[start..<start + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) } }
  }
}
