import HTTP
import HTTP2
import Memory
import TestSupport
import Testing

/// Extended CONNECT (RFC 8441): the setting, and the change into HTTP/1.1's switch of protocols and back.
@Suite struct ExtendedConnectTests {
  private static let connect: [(String, String)] = [
    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "chat"), (":path", "/room?1"),
  ]

  private static var taking: HTTP2Settings {
    var settings = HTTP2Settings()
    settings.takesExtendedConnect = true
    return settings
  }

  @Test func whoHasSaidSoGetsIt() throws {
    let pair = BackToBack(server: Self.taking)
    #expect(!pair.client.session.peerTakesExtendedConnect)
    pair.run()
    #expect(pair.client.session.peerTakesExtendedConnect)
    let stream = try #require(pair.client.session.submitRequest(HeaderList(Self.connect), endStream: false))
    pair.run()
    #expect(pair.server.seen == [.request(stream, Self.connect.map { "\($0.0): \($0.1)" })])
    pair.server.session.submitResponse(stream, okFields, endStream: false)
    pair.server.session.send(stream, bytes("down"))
    pair.client.session.send(stream, bytes("up"), endStream: true)
    pair.run()
    #expect(pair.server.data(stream) == bytes("up") && pair.client.data(stream) == bytes("down"))
    pair.server.session.send(stream, [], endStream: true)
    pair.run()
    #expect(pair.client.seen.last == .closed(stream, .noError) && pair.server.seen.last == .closed(stream, .noError))
  }

  /// Item 70: a fault of the stream alone.
  @Test func whoHasNotIsNotAsked() throws {
    let pair = BackToBack()
    pair.run()
    #expect(!pair.client.session.peerTakesExtendedConnect)
    let stream = try #require(pair.client.session.submitRequest(HeaderList(Self.connect), endStream: false))
    let other = try #require(pair.client.session.submitRequest(getFields, endStream: true))
    pair.run()
    #expect(pair.client.seen.contains(.closed(stream, .protocolError)))
    #expect(pair.server.seen.contains { if case .request(other, _) = $0 { true } else { false } })
  }

  @Test(arguments: [
    [(":protocol", "websocket"), (":scheme", "http"), (":authority", "a"), (":path", "/"), (":method", "GET")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "a"), (":path", "/")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a")],
    [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/"), ("host", "a")],
    [(":method", "CONNECT"), (":scheme", "http"), (":authority", "a"), (":path", "/")],
  ]) func halvesOfItAreFaultsOfTheirStream(_ fields: [(String, String)]) throws {
    let pair = BackToBack(server: Self.taking)
    let stream = try #require(pair.client.session.submitRequest(HeaderList(fields), endStream: false))
    pair.run()
    #expect(pair.client.seen == [.closed(stream, .protocolError)])
  }

  // MARK: Text

  private func text(_ fields: [(String, String)]) -> String? {
    var output = ByteBuffer()
    guard HeaderList(fields).writeRequestHead(hasBody: true, into: &output) == HTTP1Body.none else { return nil }
    return string(output)
  }

  private func string(_ buffer: borrowing ByteBuffer) -> String {
    String(decoding: (0..<buffer.count).map { buffer.span[$0] }, as: UTF8.self)
  }

  @Test func aRequestIsAGetThatOffersTheProtocol() {
    let fields =
      Self.connect + [
        ("sec-websocket-version", "13"), ("sec-websocket-key", "forged"), ("cookie", "a=1"), ("host", "chat"), ("cookie", "b=2"),
      ]
    let head = "GET /room?1 HTTP/1.1\r\nhost: chat\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    #expect(text(fields) == head + "sec-websocket-version: 13\r\ncookie: a=1; b=2\r\n\r\n")
  }

  @Test func connectHasNoFraming() {
    #expect(text([(":method", "CONNECT"), (":authority", "db:5432"), ("x", "1")]) == "CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\nx: 1\r\n\r\n")
  }

  /// One protocol, which ends no line and begins no list.
  @Test(arguments: ["", "a, b", "a b", "a\r\nx: y", "a/1/2", "a:b", "ä"]) func otherProtocolsAreRefused(_ name: String) {
    var fields = Self.connect
    fields[1].1 = name
    #expect(text(fields) == nil)
    fields[1].1 = "chat/2"
    #expect(text(fields)?.contains("upgrade: chat/2\r\n") == true)
  }

  @Test func anOfferIsExtendedConnect() {
    let head = bytes(
      "GET /room HTTP/1.1\r\nHost: chat\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n\r\n")
    var request = OwnHeadText(request: head.span, scheme: "http")
    let isOne = request.isExtendedConnect(head.span)
    #expect(isOne)
    request.becomeExtendedConnect(head.span)
    #expect(
      request.fields(of: head.span).fields.map { "\($0.name): \($0.value)" } == [
        ":method: CONNECT", ":protocol: WebSocket", ":scheme: http", ":path: /room", ":authority: chat", "sec-websocket-version: 13",
      ])
  }

  @Test(arguments: [
    "POST / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket, chat\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\ncontent-length: 3\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
  ]) func otherOffersAreNone(_ text: String) {
    let head = bytes(text)
    let isOne = OwnHeadText(request: head.span, scheme: "http").isExtendedConnect(head.span)
    #expect(!isOne)
  }

  @Test func theSwitchIsASuccess() {
    let head = bytes("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nSec-WebSocket-Accept: x\r\nx: 1\r\nconnection: upgrade\r\n\r\n")
    var answer = OwnHeadText(answer: head.span)
    answer.becomeTunnelAnswer(head.span)
    #expect(answer.fields(of: head.span).fields.map { "\($0.name): \($0.value)" } == [":status: 200", "x: 1"])
  }

  @Test(arguments: [("yes", "sec-websocket-accept: yes\r\n"), (nil, "")]) func theSuccessIsASwitch(_ accept: String?, _ line: String) {
    var output = ByteBuffer()
    let answer: HeaderList = [":status": "204", "sec-websocket-accept": "forged", "sec-websocket-protocol": "chat"]
    answer.writeSwitch(to: bytes("websocket"), accept: accept.map { bytes($0) }, into: &output)
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    #expect(string(output) == head + line + "sec-websocket-protocol: chat\r\n\r\n")
  }
}
