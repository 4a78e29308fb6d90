import HTTP
import TestSupport
import Testing

/// The numbers are those of the list of bad inputs.
@Suite struct BadRequestTests {
  private func post(_ lines: String...) -> ReadRequest {
    request("POST / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
  }

  @Test("1 a content length beside a transfer encoding is 400, in any order")
  func lengthAndEncoding() {
    #expect(post("Content-Length: 5", "Transfer-Encoding: chunked").fault == .lengthAndTransferEncoding)
    #expect(post("transfer-encoding: chunked", "content-length: 0").fault == .lengthAndTransferEncoding)
    #expect(HTTPFault.lengthAndTransferEncoding.status == 400)
  }

  @Test(
    "2, 3 two content lengths are 400, equal or not",
    arguments: [
      ["Content-Length: 5", "Content-Length: 6"], ["Content-Length: 5", "content-length: 5"],
    ])
  func twoLengths(_ lines: [String]) {
    #expect(post(lines[0], lines[1]).fault == .duplicateContentLength)
  }

  @Test(
    "3, 4 a content length that is not just digits is 400",
    arguments: [
      "+5", "-1", "0x5", "5 5", "5;", "", "5, 5", "5,", "1.0", "a", "99999999999999999999", "9223372036854775808", "٥",
      "00000000000000000001",
    ])
  func badLength(_ value: String) {
    #expect(post("Content-Length: \(value)").fault == .badContentLength)
  }

  @Test func goodLengths() {
    #expect(post("Content-Length: 0").framing == .none)
    #expect(post("Content-Length: 007").framing == .length(7))
    #expect(post("Content-Length: 9223372036854775807").framing == .length(UInt64(Int64.max)))
  }

  @Test(
    "5 a transfer encoding other than exactly chunked is 400, an unknown coding 501",
    arguments: [
      ("chunked, identity", HTTPFault.badTransferEncoding), ("chunked, chunked", .badTransferEncoding),
      ("", .badTransferEncoding),
      ("chunked;q=1", .badTransferEncoding), ("chunked,", .badTransferEncoding), (",chunked", .badTransferEncoding),
      ("\"chunked\"", .badTransferEncoding), ("chunk ed", .badTransferEncoding), ("\u{b}chunked", .controlCharacter),
      ("chunked\0", .controlCharacter), ("xchunked", .unknownTransferCoding), ("gzip, chunked", .unknownTransferCoding),
      ("identity", .unknownTransferCoding),
    ])
  func badEncoding(_ value: String, _ fault: HTTPFault) {
    #expect(post("Transfer-Encoding: \(value)").fault == fault)
  }

  @Test("5 chunked twice is 400; any case and blanks around it are chunked")
  func chunkedOnce() {
    #expect(post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked").fault == .badTransferEncoding)
    #expect(post("Transfer-Encoding:\tcHuNkEd\t").framing == .chunked)
    #expect(HTTPFault.badTransferEncoding.status == 400 && HTTPFault.unknownTransferCoding.status == 501)
  }

  @Test("6 a transfer encoding in HTTP/1.0 is 400")
  func encodingInOldVersion() {
    let head = request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(head.fault == .transferEncodingInHTTP10 && head.fault?.status == 400)
  }

  @Test(
    "11 a bare carriage return anywhere in the head is 400",
    arguments: [
      "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\rHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHo\rst: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nX:\r\r\n\r\n", "GE\rT / HTTP/1.1\r\nHost: a\r\n\r\n",
    ])
  func bareReturn(_ text: String) {
    #expect(request(text).fault?.status == 400)
  }

  @Test(
    "12 a bare line feed is 400 at once, without waiting for more",
    arguments: [
      "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "GET /\n",
      "\nGET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\r\nHost\n", "GET\n",
    ])
  func bareFeed(_ text: String) {
    #expect(request(text).fault == .bareLineFeed)
  }

  @Test("13 a folded line is 400, the first one too")
  func folded() {
    #expect(get("X: a", " b").fault == .foldedLine)
    #expect(get("X: a", "\tb").fault == .foldedLine)
    #expect(request("GET / HTTP/1.1\r\n Host: a\r\n\r\n").fault == .foldedLine)
  }

  @Test("14 white space before the colon is 400")
  func spaceBeforeColon() {
    #expect(get("X : a").fault == .spaceBeforeColon)
    #expect(get("Content-Length\t: 5").fault == .spaceBeforeColon)
  }

  @Test("15 an empty field name is 400")
  func emptyName() {
    #expect(get(": a").fault == .emptyFieldName)
    #expect(get(":").fault == .emptyFieldName)
  }

  @Test("16 a control character in a value is 400; a tab and bytes from 0x80 are not")
  func controlInValue() {
    for byte in UInt8(0)...255 {
      for lead in [0, 3, 8, 13] {
        let text =
          bytes("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "v", count: lead)) + [byte] + bytes("w\r\n\r\n")
        let isBad = byte < 0x20 && byte != 9 || byte == 0x7f
        #expect((request(text).fault?.status == 400) == isBad, "byte \(byte) after \(lead)")
      }
    }
  }

  @Test("17 a byte that is no token's in a name is 400")
  func badName() {
    let token = Set(bytes("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    for byte in UInt8(0)...255 where byte != UInt8(ascii: ":") {
      let text = bytes("GET / HTTP/1.1\r\nHost: a\r\nX-") + [byte] + bytes("name: w\r\n\r\n")
      #expect((request(text).fault == nil) == token.contains(byte), "byte \(byte)")
    }
    #expect(get("no colon here").fault == .spaceBeforeColon)
    #expect(get("nocolon").fault == .missingColon)
  }

  @Test(
    "18 a disguised security-relevant name is dropped and counted, another one with an underscore passes",
    arguments: [
      "l5d_dtab", "L5D_anything", "l5d-ctx_dtab", "heddle_error", "x_forwarded_for", "X_Forwarded_Whatever",
      "content_length",
      "transfer_encoding", "Transfer-Encoding_", "dtab_local", "proxy_authorization",
    ])
  func underscore(_ name: String) {
    let head = get("\(name): 1", "my_field: 2")
    let isDisguise = name != "Transfer-Encoding_"
    #expect(head.dropped == (isDisguise ? 1 : 0))
    #expect(head.fields.map(\.name) == ["Host"] + (isDisguise ? [] : [name]) + ["my_field"])
    #expect(head.framing == .none)
  }

  @Test("19 more fields or bytes than the limits are 431")
  func tooLarge() {
    func lines(_ n: Int) -> String { (0..<n).map { "X-\($0): y\r\n" }.joined() }
    #expect(request("GET / HTTP/1.1\r\nHost: a\r\n\(lines(99))\r\n").fields.count == 100)
    #expect(request("GET / HTTP/1.1\r\nHost: a\r\n\(lines(100))\r\n").fault == .tooManyFields)
    let fits = "GET / HTTP/1.1\r\nHost: a\r\nX: "
    let room = 61_440 - fits.utf8.count - 4
    #expect(request(fits + String(repeating: "y", count: room) + "\r\n\r\n").result == .complete(61_440))
    #expect(request(fits + String(repeating: "y", count: room + 1) + "\r\n\r\n").fault == .headTooLarge)
    #expect(request(fits + String(repeating: "y", count: 61_440)).fault == .headTooLarge)
    #expect(HTTPFault.tooManyFields.status == 431 && HTTPFault.headTooLarge.status == 431)
  }

  @Test("20 a target above the limit is 414, before its end has come too")
  func targetTooLong() {
    let target = "/" + String(repeating: "x", count: 8191)
    #expect(request("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n").target == target)
    #expect(request("GET \(target)x HTTP/1.1\r\nHost: a\r\n\r\n").fault == .targetTooLong)
    #expect(request("GET \(target)x").fault == .targetTooLong)
    #expect(HTTPFault.targetTooLong.status == 414)
  }

  @Test("21 any token is a method; others are 400, and above 32 bytes 501")
  func methods() {
    #expect(request("get / HTTP/1.1\r\nHost: a\r\n\r\n").method == .other)
    #expect(request("!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n").method == .other)
    #expect(request("G(T / HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badMethod)
    #expect(request(" / HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badMethod)
    #expect(request("G\u{fc}T / HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badMethod)
    let long = String(repeating: "A", count: 32)
    #expect(request("\(long) / HTTP/1.1\r\nHost: a\r\n\r\n").methodText == long)
    #expect(request("\(long)A / HTTP/1.1\r\nHost: a\r\n\r\n").fault == .methodTooLong)
    #expect(request("\(long)A").fault?.status == 501)
  }

  @Test("22 a missing, repeated or empty Host is 400")
  func hosts() {
    #expect(request("GET / HTTP/1.1\r\n\r\n").fault == .missingHost)
    #expect(request("GET / HTTP/1.1\r\nHost:\r\n\r\n").fault == .badHost)
    #expect(request("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n").fault == .duplicateHost)
    #expect(request("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").fault == .duplicateHost)
    #expect(request("GET http://b/ HTTP/1.1\r\n\r\n").fault == .missingHost)
    #expect(request("GET / HTTP/1.0\r\n\r\n").host == "")
  }

  @Test("23 the host of an absolute target wins over Host")
  func absoluteHost() {
    let head = request("GET http://users:81/x HTTP/1.1\r\nHost: other\r\n\r\n")
    #expect(head.form == .absolute && head.host == "users:81" && head.path == "/x")
    #expect(request("GET http://users/ HTTP/1.1\r\nHost: a b\r\n\r\n").fault == .badHost)
    #expect(request("GET ftp://users/ HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badTarget)
    #expect(request("GET users/x HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badTarget)
    #expect(request("GET * HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badTarget)
  }

  static let badHosts = [
    "user@a", "u:p@a", "a b", "a@", "a:", "a:x", "a:0", "a:65536", "a:123456", "a:+1", "a:1:2", "a/b", "a?b", "a#b",
    "a\\b", ":80",
    "[::1", "::1", "[::1%25eth0]", "[]", "[::1]x", "[::1]:", "a%00", "a,b", "a_b:", "\u{fc}", "*",
    String(repeating: "a", count: 256),
  ]

  @Test("24 a malformed host is 400, in Host and in an absolute target", arguments: badHosts)
  func badHost(_ host: String) {
    #expect(request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").fault?.status == 400)
    let absolute = request("GET http://\(host)/ HTTP/1.1\r\nHost: a\r\n\r\n")
    // What would end an authority leaves a good one before it here.
    let isCut = ["a/b", "a?b", "a#b"].contains(host)
    #expect(isCut ? absolute.host == "a" : absolute.fault?.status == 400)
  }

  @Test(arguments: [
    "a", "a.b-c_d~e.", "A:65535", "10.0.0.1:1", "[::1]", "[fe80::1.2.3.4]:80", String(repeating: "a", count: 255),
  ])
  func goodHost(_ host: String) {
    #expect(request("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").host == host)
  }

  @Test("25 CONNECT has authority form and nothing else, for the caller to refuse")
  func connect() {
    let head = request("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n")
    #expect(head.method == .connect && head.form == .authority && head.host == "db:5432" && head.path == "")
    for target in ["db", "/", "http://db/", "db:5432/x", "*"] {
      #expect(request("CONNECT \(target) HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badTarget, "\(target)")
    }
  }

  @Test("28 an expectation other than 100-continue is 417; without a body or in HTTP/1.0 nobody waits")
  func expectations() {
    #expect(post("Expect: 100-Continue", "Content-Length: 3").expectsContinue)
    #expect(!post("Expect: 100-continue").expectsContinue)
    #expect(post("Expect: 200-ok").fault == .unknownExpectation)
    #expect(post("Expect: 100-continue", "Expect: 100-continue").fault == .unknownExpectation)
    #expect(HTTPFault.unknownExpectation.status == 417)
    #expect(!request("POST / HTTP/1.0\r\nExpect: x\r\nContent-Length: 3\r\n\r\n").expectsContinue)
  }

  @Test("30 an offered upgrade is seen, not taken, and its fields stay on this connection")
  func upgrade() {
    let head = get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    #expect(head.hasUpgrade && head.keepAlive && head.forwarded == ["Host"])
    #expect(!get("Upgrade: h2c").hasUpgrade)
  }

  @Test(
    "31 versions that are not spoken are 505, no version is 400",
    arguments: [
      ("GET /\r\n", HTTPFault.badVersion), ("GET / \r\n\r\n", .badVersion), ("GET / HTTP/0.9\r\n", .unsupportedVersion),
      ("GET / HTTP/1.9\r\n", .unsupportedVersion), ("GET / HTTP/2.0\r\n", .unsupportedVersion),
      ("GET / HTTP/11\r\n\r\n", .badVersion),
      ("GET / http/1.1\r\n", .badVersion), ("GET / HTTP/1.1 \r\n", .badVersion), ("GET / HTTP/1.1x\r\n", .badVersion),
      ("GET  / HTTP/1.1\r\n", .badTarget), ("GET /a b HTTP/1.1\r\n", .badVersion),
      ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2Preface),
      ("GET / XTTP/1.1\r\n", .badVersion),
    ])
  func versions(_ text: String, _ fault: HTTPFault) {
    #expect(request(text).fault == fault)
  }

  @Test("31 the two unsupported kinds answer 505")
  func versionStatus() {
    #expect(HTTPFault.unsupportedVersion.status == 505 && HTTPFault.http2Preface.status == 505)
  }

  @Test(
    "73 odd paths are kept byte for byte",
    arguments: [
      "/%2e%2e/admin", "/a/..;/admin", "//admin", "/admin%2F..", "/\\admin", "/admin#x", "/admin%00", "/%zz",
      "/\u{fc}?\u{fc}",
    ])
  func oddPaths(_ path: String) {
    #expect(request("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n").path == path)
  }

  @Test("a control character in a target is 400")
  func controlInTarget() {
    for byte in Array(UInt8(0)..<0x20) + [0x7f] {
      let text = bytes("GET /abcdefgh") + [byte] + bytes("x HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(request(text).fault?.status == 400, "byte \(byte)")
    }
  }
}
