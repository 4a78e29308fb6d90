import TestSupport
import Testing

@testable import Traffic

@Suite struct FirstBytesTests {
  private func read(_ bytes: [UInt8]) -> FirstBytes { FirstBytes(bytes.span) }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n", FirstBytes.http1), ("M-SEARCH * HTTP/1.1\n", .http1), ("OPTIONS * HTTP/1.0\r\nHost: a", .http1),
    ("CONNECT a:443 HTTP/1.1\r\n", .http1), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2), ("PRI / HTTP/1.1\r\n", .http1),
    ("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", .other), ("PING\r\n", .other), ("*1\r\n$4\r\nPING\r\n", .other),
    ("get key\r\n", .other), ("GET key\r\n", .other), ("GET / HTTP/2.0\r\n", .other), ("GET / HTTP/1.1x\r\n", .other),
    (" GET / HTTP/1.1\r\n", .other), ("EHLO mail.example\r\n", .other), ("\u{0}\u{0}\u{0}Q", .other),
    ("AVERYVERYVERYVERYVERYVERYLONGMETHOD / HTTP/1.1\r\n", .other), ("\r\n", .other),
  ])
  func told(_ text: String, _ expected: FirstBytes) {
    #expect(read(bytes(text)) == expected, "\(text)")
  }

  @Test func undecidedUntilItIsSure() {
    for whole in ["GET /some/path HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
      forEveryPrefix(of: bytes(whole)) { prefix in
        let found = read(prefix)
        #expect(found == .undecided || found == read(bytes(whole)), "\(text(prefix)): \(found)")
      }
    }
    #expect(read([]) == .undecided && read([0x16]) == .undecided && read([0x16, 3]) == .undecided)
    #expect(read([0x16, 3, 1]) == .tls && read([0x16, 3, 9]) == .other && read([0x16, 2]) == .other)
  }

  @Test func aLineWithoutEndIsTakenForHTTP() {
    let long = bytes("GET /" + String(repeating: "a", count: FirstBytes.limit))
    #expect(read(long) == .http1)
    #expect(read(Array(long.prefix(FirstBytes.limit - 1))) == .undecided)
  }
}
