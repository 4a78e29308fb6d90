import HTTP
import HTTP2
import Memory
import TestSupport
import Testing

/// Messages of HTTP/2 as HTTP/1.1 text.
@Suite struct HTTP1TextTests {
  private static let get = [(":method", "GET"), (":scheme", "http"), (":authority", "users"), (":path", "/a?b")]

  private func request(_ fields: [(String, String)], hasBody: Bool = false) -> (text: String, body: HTTP1Body?) {
    var output = ByteBuffer()
    let body = HeaderList(fields).writeRequestHead(hasBody: hasBody, into: &output)
    return (string(output), body)
  }

  private func string(_ buffer: borrowing ByteBuffer) -> String {
    String(decoding: (0..<buffer.count).map { buffer.span[$0] }, as: UTF8.self)
  }

  struct RequestCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var fields: [(String, String)]
    var hasBody = false
    var lines: [String]
    var body = HTTP1Body.none
  }

  @Test(arguments: [
    RequestCase(testDescription: "authority", fields: get, lines: ["GET /a?b HTTP/1.1", "host: users"]),
    RequestCase(
      testDescription: "host alone", fields: [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "h")],
      lines: ["GET / HTTP/1.1", "host: h"]),
    RequestCase(
      testDescription: "authority and host alike", fields: get + [("accept", "*/*"), ("host", "users")],
      lines: ["GET /a?b HTTP/1.1", "host: users", "accept: */*"]),
    RequestCase(
      testDescription: "neither", fields: [(":method", "GET"), (":scheme", "http"), (":path", "/")], lines: ["GET / HTTP/1.1"]),
    RequestCase(
      testDescription: "cookies are joined where the first stood",
      fields: get + [("a", "1"), ("cookie", "x=1"), ("b", "2"), ("cookie", "y=2"), ("cookie", "z=3")],
      lines: ["GET /a?b HTTP/1.1", "host: users", "a: 1", "cookie: x=1; y=2; z=3", "b: 2"]),
    RequestCase(
      testDescription: "one cookie", fields: get + [("cookie", "x=1")],
      lines: ["GET /a?b HTTP/1.1", "host: users", "cookie: x=1"]),
    RequestCase(
      testDescription: "empty value", fields: get + [("x", "")], lines: ["GET /a?b HTTP/1.1", "host: users", "x: "]),
    RequestCase(
      testDescription: "a field twice stays twice", fields: get + [("x", "1"), ("x", "2")],
      lines: ["GET /a?b HTTP/1.1", "host: users", "x: 1", "x: 2"]),
    RequestCase(
      testDescription: "body without a length", fields: get, hasBody: true,
      lines: ["GET /a?b HTTP/1.1", "host: users", "transfer-encoding: chunked"], body: .chunks),
    RequestCase(
      testDescription: "body with a length", fields: get + [("content-length", "3")], hasBody: true,
      lines: ["GET /a?b HTTP/1.1", "host: users", "content-length: 3"], body: .length),
    RequestCase(
      testDescription: "length without a body", fields: get + [("content-length", "0")],
      lines: ["GET /a?b HTTP/1.1", "host: users", "content-length: 0"]),
    RequestCase(
      testDescription: "CONNECT", fields: [(":method", "CONNECT"), (":authority", "users:443")],
      lines: ["CONNECT users:443 HTTP/1.1", "host: users:443"]),
  ]) func requestHeads(_ example: RequestCase) {
    let (text, body) = request(example.fields, hasBody: example.hasBody)
    #expect(text == example.lines.joined(separator: "\r\n") + "\r\n\r\n")
    #expect(body == example.body)
  }

  struct Refused: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var fields: [(String, String)]
  }

  @Test(arguments: [
    Refused(testDescription: "authority and host differ", fields: get + [("host", "other")]),
    Refused(testDescription: "differ in case", fields: get + [("host", "Users")]),
    Refused(testDescription: "authority empty, host not", fields: [(":method", "GET"), (":path", "/"), (":authority", ""), ("host", "h")]),
    Refused(testDescription: "two hosts", fields: [(":method", "GET"), (":path", "/"), ("host", "h"), ("host", "h")]),
    Refused(testDescription: "two hosts and an authority", fields: get + [("host", "users"), ("host", "users")]),
    Refused(testDescription: "three hosts", fields: [(":method", "GET"), (":path", "/"), ("host", "h"), ("host", "h"), ("host", "h")]),
    Refused(testDescription: "no method", fields: [(":scheme", "http"), (":authority", "a"), (":path", "/")]),
    Refused(testDescription: "no path", fields: [(":method", "GET"), (":authority", "a")]),
    Refused(testDescription: "CONNECT to nothing", fields: [(":method", "CONNECT"), ("host", "a")]),
    Refused(testDescription: "nothing", fields: []),
  ]) func requestsWithoutATarget(_ example: Refused) {
    let (text, body) = request(example.fields, hasBody: true)
    #expect(body == nil)
    #expect(text.isEmpty)
  }

  @Test func trailersEndTheChunks() {
    var output = ByteBuffer()
    HeaderList([("x-sum", "1"), ("empty", "")]).writeTrailers(into: &output)
    HeaderList().writeTrailers(into: &output)
    #expect(string(output) == "0\r\nx-sum: 1\r\nempty: \r\n\r\n0\r\n\r\n")
  }

  @Test(
    arguments: [
      (["content-length": "2"], true, "content-length: 2\r\n", HTTP1Body.length),
      (["content-length": "2"], false, "content-length: 2\r\n", .none), (["x": "y"], true, "x: y\r\ntransfer-encoding: chunked\r\n", .chunks),
      ([:], false, "", .none),
      // gRPC says in trailers how a call ended.
      (
        ["a": "1", "content-length": "7", "content-type": "application/grpc+proto", "b": "2"], true,
        "a: 1\r\ncontent-type: application/grpc+proto\r\nb: 2\r\ntransfer-encoding: chunked\r\n", .chunks
      ),
      (
        ["content-length": "7", "content-type": "application/grpcx"], false,
        "content-length: 7\r\ncontent-type: application/grpcx\r\n", .none
      ),
    ] as [(HeaderList, Bool, String, HTTP1Body)]) func responseHeads(_ fields: HeaderList, hasBody: Bool, lines: String, body: HTTP1Body)
  {
    var output = ByteBuffer()
    var list: HeaderList = [":status": "207"]
    for field in fields.fields { list.append(field.name, field.value) }
    #expect(list.writeResponseHead(hasBody: hasBody, saysLength: false, into: &output) == body)
    #expect(string(output) == "HTTP/1.1 207 \r\n\(lines)\r\n")
  }

  @Test func anAnswerWithoutAStatusIsNone() {
    var output = ByteBuffer()
    #expect(HeaderList([("x", "y")]).writeResponseHead(hasBody: true, saysLength: true, into: &output) == nil)
    #expect(string(output) == "")
  }

  // MARK: Back

  @Test(arguments: [
    ("HTTP/1.1 200 OK", "", Method.get, BodyFraming.none), ("HTTP/1.1 200 OK", "content-length: 12", .get, .length(12)),
    ("HTTP/1.1 200 OK", "Content-Length: 0", .get, .none), ("HTTP/1.1 200 OK", "content-length: 12", .head, .none),
    ("HTTP/1.1 200 OK", "transfer-encoding: chunked", .get, .chunked),
    ("HTTP/1.1 200 OK", "transfer-encoding: chunked", .head, .none), ("HTTP/1.1 204 ", "", .get, .none),
    ("HTTP/1.1 304 Not Modified", "content-length: 12", .get, .none), ("HTTP/1.1 103 Early Hints", "link: a", .post, .none),
    ("HTTP/1.1 404 ", "content-length: 18446744073709551", .post, .length(18_446_744_073_709_551)),
  ]) func bodiesOfAnswers(_ line: String, field: String, method: Method, framing: BodyFraming) {
    let head = bytes(line + "\r\n" + (field.isEmpty ? "" : field + "\r\n") + "\r\n")
    let text = head + bytes("left")
    let answer = OwnHeadText(answer: text.span)
    #expect(answer.answerBody(to: method) == framing)
    #expect(answer.length == head.count)
    #expect(answer.fields(of: text.span)[":status"] == String(answer.status))
  }

  @Test func fieldsOfTheConnectionAreLeftOut() {
    let head = bytes(
      "HTTP/1.1 200 OK\r\nA: 1\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n"
        + "Transfer-Encoding: chunked\r\nempty: \r\nb: 2: 3\r\n\r\n")
    let answer = OwnHeadText(answer: head.span)
    #expect(lines(answer.fields(of: head.span)) == [":status: 200", "a: 1", "empty: ", "b: 2: 3"])
    #expect(answer.requestBody == .chunked)
  }

  /// Lines go on as a caller wrote them: blanks around a value, more or fewer than one, are none of it (RFC 9110 §5.5).
  @Test func blanksAreNoPartOfAValue() {
    let text = bytes(
      "POST / HTTP/1.1\r\nHost:xadmin.internal\r\nAuthorization:Bearer t\r\nempty:\r\nblank:  \r\nX-Two:  a b\r\ntab:\tc\r\nend: d \t\r\n"
        + "no colon\r\nlast: e\r\nContent-Length:15\r\n\r\n")
    let request = OwnHeadText(request: text.span, scheme: "http")
    #expect(
      lines(request.fields(of: text.span)) == [
        ":method: POST", ":scheme: http", ":path: /", ":authority: xadmin.internal", "authorization: Bearer t", "empty: ", "blank: ",
        "x-two: a b", "tab: c", "end: d", "last: e", "content-length: 15",
      ])
    #expect(request.requestBody == .length(15))
    #expect(request.length == text.count)
    let large = bytes("HTTP/1.1 200 OK\r\nContent-Length:  9223372036854775807\r\n\r\n")
    #expect(OwnHeadText(answer: large.span).requestBody == .length(UInt64(Int64.max)))
    let trailers = bytes("a:1\r\nb:\r\n\r\n")
    #expect(lines(HeaderList(ownTrailers: trailers.span)) == ["a: 1", "b: "])
  }

  /// Its end may come in a frame of its own; there is no body all the same.
  @Test(arguments: ["204", "304"]) func anAnswerWithoutABodyHasNoFraming(_ status: String) {
    var output = ByteBuffer()
    let body = HeaderList([(":status", status)]).writeResponseHead(hasBody: true, saysLength: true, into: &output)
    #expect(body == HTTP1Body.none)
    #expect(string(output) == "HTTP/1.1 \(status) \r\n\r\n")
  }

  @Test func aRequestsHostIsItsAuthority() {
    let head = bytes("POST /a?b HTTP/1.1\r\nAccept: */*\r\nHost: users:80\r\nContent-Length: 7\r\nConnection: close\r\n\r\n")
    let text = head + bytes("payload")
    let request = OwnHeadText(request: text.span, scheme: "http")
    #expect(
      lines(request.fields(of: text.span)) == [
        ":method: POST", ":scheme: http", ":path: /a?b", ":authority: users:80", "accept: */*", "content-length: 7",
      ])
    #expect(request.requestBody == .length(7))
    #expect(request.length == head.count)
    #expect(request.status == 0)
    let bareText = bytes("GET * HTTP/1.1\r\n\r\n")
    let bare = OwnHeadText(request: bareText.span, scheme: "https", asksForTrailers: true)
    #expect(lines(bare.fields(of: bareText.span)) == [":method: GET", ":scheme: https", ":path: *", "te: trailers"])
    #expect(bare.requestBody == .none)
  }

  @Test(arguments: [
    ("x-sum: 1\r\nempty: \r\nA: b\r\n\r\n", ["x-sum: 1", "empty: ", "a: b"]), ("x-sum: 1\r\n", ["x-sum: 1"]), ("\r\n", []), ("", []),
  ]) func trailersOfOurOwn(_ text: String, expected: [String]) {
    let section = bytes(text)
    #expect(lines(HeaderList(ownTrailers: section.span)) == expected)
  }

  private func lines(_ fields: HeaderList) -> [String] { fields.fields.map { "\($0.name): \($0.value)" } }

  // MARK: There and back

  @Test(arguments: 0..<200) func whatIsWrittenIsReadBack(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    let host = random.below(4) == 0 ? [] : [(":authority", random.token())]
    let target = [(":method", random.token().uppercased()), (":scheme", "http"), (":path", "/" + random.token())]
    let fields = random.fields()
    let list = HeaderList(target + host + fields)
    var output = ByteBuffer()
    let hasBody = random.below(2) == 0
    let body = list.writeRequestHead(hasBody: hasBody, into: &output)
    let count = output.count
    output.append("left")
    let request = OwnHeadText(request: output.span, scheme: "http")
    #expect(lines(request.fields(of: output.span)) == lines(list))
    #expect(request.length == count)
    #expect(body == (hasBody ? .chunks : HTTP1Body.none))
    #expect(request.requestBody == (hasBody ? .chunked : .none))

    output.removeAll()
    let status = 200 + random.below(400)
    let answerFields = HeaderList([(":status", String(status))] + fields)
    #expect(answerFields.writeResponseHead(hasBody: false, saysLength: false, into: &output) == HTTP1Body.none)
    let answer = OwnHeadText(answer: output.span)
    #expect(lines(answer.fields(of: output.span)) == lines(answerFields))
    #expect(answer.status == status && answer.length == output.count)

    output.removeAll()
    HeaderList(fields).writeTrailers(into: &output)
    output.removeFirst(3)  // `0` and the end of its line
    #expect(lines(HeaderList(ownTrailers: output.span)) == lines(HeaderList(fields)))
  }
}

extension SeededRandom {
  fileprivate mutating func token() -> String {
    String((0...below(12)).map { _ in Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(below(26)))) })
  }

  /// Fields that a change of versions leaves as they are; their order and doubles count.
  fileprivate mutating func fields() -> [(String, String)] {
    (0..<below(20)).map { _ in
      let value = (0..<below(30)).map { _ in Character(UnicodeScalar(UInt8(0x21 + below(0x5e)))) }
      return ("x-" + token(), String(value))
    }
  }
}
