import HTTP
import TestSupport
import Testing

@Suite struct ResponseHeadTests {
  @Test(arguments: goodResponses) func everyGoodResponseIsComplete(_ text: String) {
    #expect(response(text).result == .complete(text.utf8.count), "\(text.debugDescription)")
  }

  @Test func statusAndReason() {
    let head = response("HTTP/1.0 404 Not  Found\r\nX: y\r\n\r\nbody")
    #expect(head.status == 404 && head.reason == "Not  Found" && head.minorVersion == 0 && !head.keepAlive)
    #expect(response("HTTP/1.1 200\r\n\r\n").reason == "" && response("HTTP/1.1 200 \r\n\r\n").reason == "")
    #expect(response("HTTP/1.1 200 a\tb\u{fc}\r\n\r\n").reason == "a\tb\u{fc}")
  }

  @Test func framingFollowsStatusAndRequest() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    #expect(response(length).framing == .length(5))
    #expect(response(length, to: .head).framing == .none)
    #expect(response(length, to: .connect).framing == .none)
    #expect(ok("Content-Length: 0").framing == .none)
    #expect(ok("Transfer-Encoding: chunked").framing == .chunked)
    #expect(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to: .head).framing == .none)
    #expect(ok().framing == .untilClose)
    #expect(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n").framing == .none)
    #expect(response("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n").framing == .none)
    #expect(response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").framing == .none)
    #expect(response("HTTP/1.1 103 Early Hints\r\n\r\n").framing == .none)
  }

  @Test(
    "32 a bad status line is a fault",
    arguments: [
      "HTTP/1.1\r\n\r\n        ", "HTTP/1.1 \r\n\r\n      ", "HTTP/1.1 20\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 099 X\r\n\r\n",
      "HTTP/1.1 600 X\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.2 200 OK\r\n\r\n",
      "http/1.1 200 OK\r\n\r\n", "200 OK\r\n\r\n       ", "ICY 200 OK\r\n\r\n  ", "GET / HTTP/1.1\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200\tOK\r\n\r\n", "HTTP/1.1 200-OK\r\n\r\n", "HTTP/1.1 -20 OK\r\n\r\n",
    ])
  func badStatusLine(_ text: String) {
    #expect(response(text).fault != nil, "\(text.debugDescription)")
  }

  @Test("32 two lengths, a length beside chunked, and bad encodings are faults")
  func badFraming() {
    #expect(ok("Content-Length: 5", "Content-Length: 5").fault == .duplicateContentLength)
    #expect(ok("Content-Length: 5, 5").fault == .badContentLength)
    #expect(ok("Content-Length: 5", "Transfer-Encoding: chunked").fault == .lengthAndTransferEncoding)
    #expect(ok("Transfer-Encoding: chunked, chunked").fault == .badTransferEncoding)
    #expect(ok("Transfer-Encoding: gzip").fault == .unknownTransferCoding)
    #expect(response("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").fault == .transferEncodingInHTTP10)
  }

  @Test("32 a 1xx or 204 that declares a body is a fault")
  func bodyNotAllowed() {
    #expect(response("HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n").fault == .bodyNotAllowed)
    #expect(response("HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n").fault == .bodyNotAllowed)
    #expect(response("HTTP/1.1 100 X\r\nContent-Length: 5\r\n\r\n").fault == .bodyNotAllowed)
  }

  @Test("32 a head above the limits is a fault")
  func tooLarge() {
    #expect(ok("X: " + String(repeating: "y", count: 65_536)).fault == .headTooLarge)
    #expect(response("HTTP/1.1 200 " + String(repeating: "y", count: 65_536)).fault == .headTooLarge)
    #expect(
      response("HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 101) + "\r\n").fault == .tooManyFields)
  }

  @Test("33 control characters and stray line ends in reason and values are faults")
  func splitting() {
    for byte in Array(UInt8(0)..<0x20) + [0x7f] where byte != 9 {
      #expect(response(bytes("HTTP/1.1 200 a") + [byte] + bytes("b\r\n\r\n")).fault != nil, "reason \(byte)")
      #expect(response(bytes("HTTP/1.1 200 OK\r\nX: a") + [byte] + bytes("b\r\n\r\n")).fault != nil, "value \(byte)")
    }
    #expect(response("HTTP/1.1 200 OK\nX: y\r\n\r\n").fault == .bareLineFeed)
    #expect(ok("X: a", " b").fault == .foldedLine)
    #expect(ok("X : a").fault == .spaceBeforeColon)
  }

  @Test func connectionOptionsApplyToResponsesToo() {
    let head = ok("Connection: close, x-hop", "X-Hop: 1", "l5d-err: x", "Content-Length: 0")
    #expect(!head.keepAlive)
    #expect(head.fields.filter(\.isHopByHop).map(\.name) == ["Connection", "X-Hop"])
  }
}
