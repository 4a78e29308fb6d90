import SystemIO
import Testing

@Suite struct SocketAddressTests {
  @Test(arguments: [
    "127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:4140", "[2001:db8::a]:1",
    "[::ffff:10.0.0.1]:9",
  ])
  func printsWhatItReads(text: String) throws {
    let address = try #require(SocketAddress(text))
    #expect(address.description == text)
    #expect(SocketAddress(host: address.host, port: address.port) == address)
  }

  @Test(arguments: [
    "", ":80", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1:1 ",
    " 127.0.0.1:1",
    "127.0.0.1:000080", "localhost:80", "127.0.0.256:80", "127.1:80", "::1:80", "[::1]", "[::1]80", "[::1:80",
    "::1]:80", "[]:80",
    "[127.0.0.1]:80", "[fe80::1%lo]:80", "127.0.0.1\0:80", "1.2.3.4:80:90",
  ])
  func refusesAnythingElse(text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func tellsAddressesApart() {
    #expect(SocketAddress("127.0.0.1:80") != SocketAddress("127.0.0.1:81"))
    #expect(SocketAddress("[::1]:80") != SocketAddress("[::2]:80"))
    #expect(SocketAddress("0.0.0.0:80") != SocketAddress("[::]:80"))
    #expect(SocketAddress("10.0.0.1:80") != SocketAddress("[::ffff:10.0.0.1]:80"))
  }

  @Test(arguments: [
    ("127.0.0.1:1", true, false), ("127.9.9.9:1", true, false), ("[::1]:1", true, false),
    ("[::ffff:127.0.0.1]:1", true, false),
    ("0.0.0.0:1", false, true), ("[::]:1", false, true), ("[::ffff:0.0.0.0]:1", false, true),
    ("128.0.0.1:1", false, false), ("[::2]:1", false, false), ("[1::1]:1", false, false),
    ("[::127.0.0.1]:1", false, false),
  ])
  func knowsLoopbackAndUnspecified(text: String, loopback: Bool, unspecified: Bool) throws {
    let address = try #require(SocketAddress(text))
    #expect(address.isLoopback == loopback && address.isUnspecified == unspecified)
  }

  @Test func makesLoopbackAddresses() {
    #expect(SocketAddress.loopback(port: 7).description == "127.0.0.1:7")
    #expect(SocketAddress.loopback(port: 7, ipv6: true).description == "[::1]:7")
  }

  @Test func isSmall() {
    #expect(MemoryLayout<SocketAddress>.size <= 24)
  }

  @Test func resolvesNamesAndLiterals() throws {
    #expect(try resolve(host: "127.0.0.1", port: 5) == [.loopback(port: 5)])
    #expect(try resolve(host: "::1", port: 5) == [.loopback(port: 5, ipv6: true)])
    let found = try resolve(host: "localhost", port: 5)
    #expect(!found.isEmpty && found.allSatisfy { $0.isLoopback && $0.port == 5 } && Set(found).count == found.count)
  }

  @Test(arguments: ["", "nobody\0", "not a name"])
  func aNameThatIsNoneThrows(name: String) {
    #expect(throws: SystemError.self) { try resolve(host: name, port: 1) }
  }
}
