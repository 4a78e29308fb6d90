import HTTP
import MeshProtocol
import Testing
import Traffic

/// The name and what the service sees of the target, `nil` when unidentified.
private func identify(_ identifier: Identifier, _ request: String) -> String? {
  let bytes = Array((request.replacing("\n", with: "\r\n") + "\r\n\r\n").utf8)
  var head = RequestHead()
  guard case .complete = head.parse(bytes.span) else { return "no head" }
  var scratch = RouteScratch()
  var name = Array("left over".utf8)
  switch identifier.identify(head, bytes.span, scratch: &scratch, into: &name) {
  case .none: return nil
  case .ambiguous: return "400"
  case .name(let consumed):
    let text = String(decoding: name, as: UTF8.self)
    // What is written must be what the language of names reads and prints.
    #expect(try! Path(parsing: text).description == text)
    return consumed > 0 ? "\(text) -\(consumed)" : text
  }
}

private func prefixed(_ kind: Identifier.Kind, _ prefix: String, host: HostOptions = HostOptions()) -> Identifier {
  Identifier(kind, prefix: try! Path(parsing: prefix), host: host)
}

/// linkerd1.md 2.2, and what Heddle adds.
@Suite struct IdentifierTests {
  @Test func hosts() {
    let host = Identifier(.header("host"))
    #expect(identify(host, "GET / HTTP/1.1\nHost: Users.Prod:80") == "/svc/users.prod")
    #expect(identify(host, "GET http://a.b/x HTTP/1.1\nHost: other") == "/svc/a.b")
    #expect(identify(host, "GET / HTTP/1.0") == nil)
    #expect(identify(host, "GET / HTTP/1.1\nHost: my~host") == #"/svc/\x6d\x79\x7e\x68\x6f\x73\x74"#)
    let kept = Identifier(.header("host"), host: HostOptions(keepPort: true, keepCase: true))
    #expect(identify(kept, "GET / HTTP/1.1\nHost: Users:80") == "/svc/Users:80")
  }

  @Test func tokens() {
    let token = prefixed(.header("my-header"), "/http")
    #expect(identify(token, "GET / HTTP/1.1\nHost: h\nMy-Header: foo") == "/http/foo")
    #expect(identify(token, "GET / HTTP/1.1\nHost: h\nMy-Header:") == nil)
    #expect(identify(token, "GET / HTTP/1.1\nHost: h") == nil)
    #expect(identify(token, "GET / HTTP/1.1\nHost: h\nmy-header: a/b") == #"/http/\x61\x2f\x62"#)
  }

  @Test func methodAndHost() {
    let plain = prefixed(.methodAndHost(withVersion: true, withPath: false), "/https")
    let withPath = prefixed(.methodAndHost(withVersion: true, withPath: true), "/https")
    #expect(identify(plain, "GET /some/path?x HTTP/1.1\nHost: DoMaiN") == "/https/1.1/GET/domain")
    #expect(identify(withPath, "GET /some/path?other=stuff HTTP/1.1\nHost: domain") == "/https/1.1/GET/domain/some/path")
    #expect(identify(plain, "POST /drum/bass HTTP/1.0") == "/https/1.0/POST")
    #expect(identify(withPath, "POST /drum/bass HTTP/1.0") == "/https/1.0/POST/drum/bass")
    let short = prefixed(.methodAndHost(withVersion: false, withPath: false), "/http")
    #expect(identify(short, "GET / HTTP/1.1\nHost: a") == "/http/GET/a")
  }

  @Test func paths() {
    let two = prefixed(.path(segments: 2, consumes: false), "/http")
    for target in ["/mysvc/subsvc", "/mysvc/subsvc/some/path?o=s", "/mysvc/subsvc/!", "//mysvc//subsvc"] {
      #expect(identify(two, "GET \(target) HTTP/1.1\nHost: h") == "/http/mysvc/subsvc", "\(target)")
    }
    #expect(identify(two, "GET /mysvc?other=stuff HTTP/1.1\nHost: h") == nil)
    #expect(identify(two, "OPTIONS * HTTP/1.1\nHost: h") == nil)
    #expect(identify(two, "GET /a/%2e%2e HTTP/1.1\nHost: h") == "400")
    let consuming = prefixed(.path(segments: 2, consumes: true), "/http")
    #expect(identify(consuming, "GET /mysvc/subsvc/some HTTP/1.1\nHost: h") == "/http/mysvc/subsvc -2")
  }

  @Test func headerPaths() {
    let path = prefixed(.headerPath("my-header", segments: nil), "/http")
    #expect(identify(path, "GET / HTTP/1.1\nHost: h\nmy-header: /a/b/c") == "/http/a/b/c")
    #expect(identify(path, "GET / HTTP/1.1\nHost: h\nmy-header: /rofl//hah/") == "/http/rofl/hah")
    for value in ["", "/", "//", "a/b"] {
      #expect(identify(path, "GET / HTTP/1.1\nHost: h\nmy-header: \(value)") == nil, "\(value)")
    }
    let one = prefixed(.headerPath("my-header", segments: 1), "/http")
    #expect(identify(one, "GET / HTTP/1.1\nHost: h\nmy-header: /a/b") == "/http/a")
    let three = prefixed(.headerPath("my-header", segments: 3), "/http")
    #expect(identify(three, "GET / HTTP/1.1\nHost: h\nmy-header: /a/b") == nil)
  }

  @Test func fixedNamesAndBounds() {
    let fixed = Identifier(.fixed(try! Path(parsing: "/web/front")))
    #expect(identify(fixed, "GET / HTTP/1.0") == "/svc/web/front")
    let token = Identifier(.header("t"))
    let longest = Identifier.longestName - "/svc/".utf8.count
    #expect(identify(token, "GET / HTTP/1.1\nHost: h\nt: \(String(repeating: "x", count: longest))") != nil)
    #expect(identify(token, "GET / HTTP/1.1\nHost: h\nt: \(String(repeating: "x", count: longest + 1))") == nil)
  }
}
