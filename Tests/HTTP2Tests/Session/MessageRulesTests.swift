import Memory
import TestSupport
import Testing

@testable import HTTP2

/// What a message must say, and may not (RFC 9113 §8.2, §8.3).
@Suite struct MessageRulesTests {
  private typealias Fields = [(String, String)]
  private static let get: Fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "users")]

  private func isRequest(_ fields: Fields, extended: Bool = false) -> Bool {
    HeaderList(fields).request(takesExtendedConnect: extended) != nil
  }

  @Test func takesRequests() {
    #expect(isRequest(Self.get))
    #expect(isRequest(Array(Self.get.prefix(3)) + [("host", "users")]))
    #expect(isRequest([(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "users")]))
    #expect(isRequest([(":method", "CONNECT"), (":authority", "users:443")]))
    #expect(isRequest([(":method", "CONNECT"), (":protocol", "websocket")] + Self.get.dropFirst(), extended: true))
  }

  @Test func refusesOtherLists() {
    for left in Self.get.indices {
      var fields = Self.get
      let name = fields.remove(at: left).0
      #expect(!isRequest(fields), "without \(name)")
      #expect(!isRequest(Self.get + [Self.get[left]]), "\(name) twice")
      fields.insert((name, ""), at: left)
      #expect(!isRequest(fields), "\(name) empty")
    }
    let wrong: [(String, Fields)] = [
      ("a status", Self.get + [(":status", "200")]),
      ("a pseudo-field behind a field", [("a", "b")] + Self.get),
      ("two hosts", Self.get + [("host", "a"), ("host", "a")]),
      ("two lengths", Self.get + [("content-length", "1"), ("content-length", "1")]),
      ("a path without its slash", [(":method", "GET"), (":scheme", "http"), (":path", "a"), (":authority", "b")]),
      ("* of a GET", [(":method", "GET"), (":scheme", "http"), (":path", "*"), (":authority", "b")]),
      ("CONNECT with a path", [(":method", "CONNECT"), (":authority", "a:1"), (":path", "/")]),
      ("CONNECT to nobody", [(":method", "CONNECT"), ("host", "a:1")]),
      ("a protocol of a GET", Self.get + [(":protocol", "websocket")]),
    ]
    for (fault, fields) in wrong { #expect(!isRequest(fields, extended: true), "\(fault)") }
    #expect(!isRequest([(":method", "CONNECT"), (":protocol", "websocket")] + Self.get.dropFirst()), "extended CONNECT was not offered")
  }

  @Test func readsTheLengthOfABody() {
    let length = { (fields: Fields) in HeaderList(fields).request(takesExtendedConnect: false)?.length }
    #expect(length(Self.get) == -1)
    #expect(length(Self.get + [("content-length", "17")]) == 17)
    #expect(length(Self.get + [("content-length", "9223372036854775807")]) == .max)
    #expect(length(Self.get + [("content-length", "9999999999999999999")]) == .max)
    #expect(length([(":method", "CONNECT"), (":authority", "a:1"), ("content-length", "5")]) == -1)
  }

  @Test func judgesAnswersByTheirRequest() {
    let length = { (method: Stream.Method, fields: Fields) in HeaderList(fields).response(to: method)?.length }
    #expect(length(.other, [(":status", "200"), ("content-length", "5")]) == 5)
    #expect(length(.head, [(":status", "200"), ("content-length", "5")]) == 0)
    #expect(length(.connect, [(":status", "200"), ("content-length", "5")]) == -1)
    #expect(length(.connect, [(":status", "403"), ("content-length", "5")]) == 5)
    #expect(length(.other, [(":status", "304"), ("content-length", "5")]) == 0)
    #expect(length(.other, [(":status", "101")]) == nil)
    #expect(length(.other, [("a", "b")]) == nil)
    #expect(length(.other, [(":status", "200"), (":path", "/")]) == nil)
    #expect(HeaderList([(":status", "103")]).response(to: .other)?.isInterim == true)
  }

  @Test func trailersHaveNoPseudoFields() {
    #expect(HeaderList([("grpc-status", "0")]).areTrailers)
    #expect(!HeaderList([("a", "b"), (":status", "200")]).areTrailers)
  }

  // MARK: One field

  private func isSound(_ name: String, _ value: String) -> Bool {
    let (name, value) = (bytes(name), bytes(value))
    let kind = FieldKind(name.span)
    return isSoundName(kind, name.span) && isSoundValue(kind, value.span)
  }

  @Test(arguments: [
    ("x-a", ""), ("x-a", "b c\td"), ("x_a", "ü"), (":method", "M-SEARCH"), (":scheme", "coap+tcp"), (":path", "/ü?a=b"),
    (":authority", "[::1]:80"), ("host", "a.b_c~:1"), (":status", "599"), ("content-length", "0"), ("te", "trailers"), ("te", "Trailers"),
    ("cookie", "a=b"), (":protocol", "websocket"), ("teapot", "short"), ("upgrade-insecure-requests", "1"),
  ])
  func takesAField(_ name: String, _ value: String) { #expect(isSound(name, value)) }

  @Test(arguments: [
    ("", "a"), ("X-A", "b"), ("x a", "b"), ("x-ü", "b"), (":other", "a"), ("x-a", " b"), ("x-a", "b "), ("x-a", "\tb"), ("x-a", "b\r\nc"),
    ("x-a", "b\nc"), ("x-a", "b\0c"), ("x-a", "b\u{7f}"), ("x-a", "\u{1}"), ("connection", "close"), ("keep-alive", "1"),
    ("proxy-connection", "x"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"), ("te", "trailers, gzip"), ("te", ""),
    (":method", "G T"), (":method", "G\r\n"), (":scheme", "ht:tp"), (":path", "/a b"), (":path", "/a\r\nb"), (":authority", "user@host"),
    (":authority", "a/b"), ("host", "a b"), (":status", "20"), (":status", "2000"), (":status", "2 0"), (":status", "099"),
    ("content-length", ""), ("content-length", "+1"), ("content-length", "1, 1"), ("content-length", "12345678901234567890"),
  ])
  func refusesAField(_ name: String, _ value: String) { #expect(!isSound(name, value)) }
}
