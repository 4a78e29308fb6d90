import HTTP
import TestSupport
import Testing

@Suite struct RequestHeadTests {
  @Test func plainRequestIsReadInFull() {
    let head = request("GET /a/b?c=d HTTP/1.1\r\nHost: users.prod:8080\r\nAccept: */*\r\n\r\nrest")
    #expect(head.result == .complete(61))
    #expect(head.method == .get && head.methodText == "GET" && head.form == .origin)
    #expect(head.target == "/a/b?c=d" && head.path == "/a/b?c=d" && head.host == "users.prod:8080")
    #expect(head.framing == .none && head.keepAlive && head.minorVersion == 1)
    #expect(head.fields.map(\.name) == ["Host", "Accept"] && head.fields.map(\.value) == ["users.prod:8080", "*/*"])
    #expect(head.fields.map(\.known) == [.host, .accept])
  }

  @Test(arguments: goodRequests) func everyGoodRequestIsComplete(_ text: String) {
    #expect(request(text).result == .complete(text.utf8.count), "\(text.debugDescription)")
  }

  @Test func blanksAroundAValueAreNotPartOfIt() {
    let head = get("X-A: \t a \t b\t ", "X-B:", "X-C:   ", "X-D:\u{fc}")
    #expect(head.fields.dropFirst().map(\.value) == ["a \t b", "", "", "\u{fc}"])
  }

  @Test(arguments: [
    ("GET", Method.get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete), ("OPTIONS", .options),
    ("TRACE", .trace), ("PATCH", .patch), ("get", .other), ("GETS", .other), ("PROPFIND", .other),
    ("A-LONGER-METHOD", .other),
  ])
  func methodsAreKnownByTheirExactLetters(_ text: String, _ method: Method) {
    let head = request("\(text) / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(head.method == method && head.methodText == text)
    #expect(method == .other || "\(method.text)" == text)
  }

  @Test func absoluteTargetWithoutPathGetsOne() {
    func path(_ target: String, _ method: String = "GET") -> String {
      request("\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n").path
    }
    #expect(path("http://b") == "/")
    #expect(path("http://b?q") == "/?q")
    #expect(path("http://b#f") == "/#f")
    #expect(path("HTTPS://b/x") == "/x")
    #expect(path("http://b", "OPTIONS") == "*")
  }

  @Test func keepAliveFollowsVersionAndOptions() {
    func stays(_ version: String, _ lines: String) -> Bool {
      request("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n").keepAlive
    }
    #expect(stays("1.1", ""))
    #expect(!stays("1.1", "Connection: Close\r\n"))
    #expect(!stays("1.1", "Connection: keep-alive\r\nConnection: x, close\r\n"))
    #expect(!stays("1.0", ""))
    #expect(stays("1.0", "Connection: Keep-Alive\r\n"))
    #expect(!stays("1.0", "Connection: keep-alive, close\r\n"))
  }

  @Test func fixedHopByHopFieldsAreMarked() {
    let head = get(
      "Connection: keep-alive", "Keep-Alive: 5", "Proxy-Connection: x", "TE: trailers", "Upgrade: x",
      "HTTP2-Settings: x",
      "Proxy-Authorization: x", "Proxy-Authenticate: x", "Trailer: x-sum", "Via: 1.1 x")
    #expect(head.forwarded == ["Host", "Trailer", "Via"])
  }

  @Test func connectionListedFieldsAreMarked() {
    let head = get("X-Gone: 1", "X-Stays: 1", "Connection: x-GONE ,, x-absent", "x-gone: 2")
    #expect(head.forwarded == ["Host", "X-Stays"])
    #expect(head.hasConnectionOptions)
    #expect(!get("Connection: close").hasConnectionOptions)
  }

  @Test(
    "80 Connection cannot take away fields that decide who, where or how long",
    arguments: [
      "Host", "Content-Length", "Authorization", "X-Forwarded-For", "l5d-dtab", "l5d-anything", "heddle-error",
      "Cookie",
      "dtab-local", "Forwarded",
    ])
  func securityRelevantFieldsStay(_ name: String) {
    let value = name == "Content-Length" ? "0" : "a"
    let extra = name == "Host" ? "" : "\(name): \(value)\r\n"
    let head = request("GET / HTTP/1.1\r\nHost: a\r\nConnection: \(name.lowercased()), close\r\n\(extra)\r\n")
    #expect(head.forwarded.contains(name))
  }

  @Test func connectionOptionsAreBounded() {
    let many = Array(repeating: "a", count: 33).joined(separator: ",")
    #expect(get("Connection: \(many)").fault == .tooManyConnectionOptions)
    #expect(get("Connection: " + String(repeating: ",", count: 40)).fault == .tooManyConnectionOptions)
    #expect(get("Connection: a b").fault == .badConnectionOption)
  }

  @Test func anEmptyLineBeforeARequestIsPassedOver() {
    #expect(request("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").methodText == "GET")
    #expect(request("\r").result == .incomplete)
    #expect(request("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").fault == .badMethod)
  }

  @Test func aReusedHeadRemembersNothing() {
    var head = RequestHead()
    let first = bytes(
      "POST http://b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: upgrade\r\nUpgrade: x\r\n"
        + "Expect: 100-continue\r\n\r\n"
    )
    let second = bytes("GET / HTTP/1.0\r\n\r\n")
    #expect(head.parse(first.span, limits: .standard) == .complete(first.count))
    #expect(head.hasUpgrade && head.expectsContinue)
    let result = head.parse(second.span, limits: .standard)
    #expect(read(head, result, of: second) == request(second))
    #expect(head.hostRange.isEmpty && head.fields.count == 0)
  }

  @Test func sizesStaySmall() {
    #expect(MemoryLayout<Field>.size <= 16)
    #expect(MemoryLayout<BodyReader>.size <= 32)
    #expect(MemoryLayout<HeadScan>.size <= 16)
  }
}
