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

  /// What was decided stays so, whatever comes.
  @Test func neverChangesItsMind() {
    var random = SeededRandom(seed: fuzzSeed &+ 41)
    let seeds = ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}\u{0}\u{10}abc", "SSH-2.0-x y\r\n"]
    for _ in 0..<fuzzRounds {
      let input = random.mutated(bytes(seeds[random.below(seeds.count)]), alphabet: bytes("GETPRI \r\n/HTP.12\u{16}\u{3}"))
      var decided: FirstBytes?
      for count in 0...input.count {
        let found = read(Array(input[..<count]))
        if let decided { #expect(found == decided) }
        if decided == nil, found != FirstBytes.undecided { decided = found }
      }
    }
  }
}
