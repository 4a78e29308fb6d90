import Testing
import Traffic

@Suite struct HostNameTests {
  @Test(
    arguments: [
      ("users", "users"), ("Users.Prod", "users.prod"), ("A.example.COM.", "a.example.com"),
      ("a.example.com:80", "a.example.com"),
      ("a.example.com.:80", "a.example.com"), ("users:", "users"), ("users:65535", "users"),
      ("my_svc-1~x", "my_svc-1~x"),
      ("10.0.0.1:8080", "10.0.0.1"), ("[::1]:8080", "::1"), ("[::1]", "::1"), ("[FE80::A]", "fe80::a"),
      ("[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1"), ("[::]:", "::"),
      ("", nil), (".", nil), ("..", nil), (".a", nil), ("a..b", nil), ("a..", nil), (":80", nil), ("users:65536", nil),
      ("users:123456", nil), ("users:8a", nil), ("users:+8", nil), ("a:b:80", nil), ("::1", nil), ("[::1", nil),
      ("[]", nil),
      ("[:]", nil), ("[::1]x", nil), ("[::1%25eth0]", nil), ("[g::]", nil), ("user@host", nil), ("a b", nil),
      ("a/b", nil),
      ("a%2fb", nil), ("a\\b", nil), ("ä", nil), ("a\0", nil), ("a#b", nil), ("a?b", nil), ("*", nil), ("a,b", nil),
    ] as [(String, String?)])
  func name(_ host: String, _ expected: String?) {
    #expect(identifyHost(host)?.text == expected)
  }

  @Test func lengths() {
    #expect(identifyHost(String(repeating: "a", count: 255)) != nil)
    #expect(identifyHost(String(repeating: "a", count: 256)) == nil)
  }

  @Test func options() {
    #expect(identifyHost("Users.:80", options: HostOptions(keepPort: true))?.text == "users:80")
    #expect(identifyHost("users:", options: HostOptions(keepPort: true))?.text == "users")
    #expect(identifyHost("Users:80", options: HostOptions(keepCase: true))?.text == "Users")
    #expect(identifyHost("[::1]:80", options: HostOptions(keepPort: true))?.text == "::1:80")
  }

  @Test func buffersAreReused() {
    var name = Array("left over".utf8)
    let host = Array("Users:80".utf8)
    #expect(identifyHost(host.span, into: &name))
    #expect(name == Array("users".utf8))
  }

  /// Every byte in every place is a name, part of a port, or refused; never a trap.
  @Test func anyBytes() {
    for start in ["", "a", "a:", "[", "[::", "[::1]", "[::1]:"] {
      for byte in UInt8.min...UInt8.max {
        var name: [UInt8] = []
        let host = Array(start.utf8) + [byte]
        if identifyHost(host.span, into: &name) { #expect(!name.isEmpty) }
      }
    }
  }
}
