import TestSupport
import Testing

@testable import Traffic

@Suite struct ProxyHeaderTests {
  private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
  private static let four: [UInt8] = [10, 0, 0, 1, 192, 168, 0, 9, 0x1f, 0x90, 0x01, 0xbb]

  private static func binary(_ command: UInt8, _ family: UInt8, _ content: [UInt8]) -> [UInt8] {
    signature + [command, family, UInt8(content.count >> 8), UInt8(content.count & 255)] + content
  }

  private func parse(_ bytes: [UInt8]) -> ProxyHeader.Parse { ProxyHeader.parse(bytes.span) }

  @Test func bothVersionsOfBothFamilies() {
    let text4 = bytes("PROXY TCP4 10.0.0.1 192.168.0.9 8080 443\r\n")
    let text6 = bytes("PROXY TCP6 2001:db8::1 ::1 8080 443\r\n")
    let six = Self.binary(0x21, 0x21, [UInt8](repeating: 0, count: 15) + [1] + [0x20, 1] + [UInt8](repeating: 0, count: 14) + [0, 80, 0, 81])
    let known: [([UInt8], String?, String?)] = [
      (text4, "10.0.0.1:8080", "192.168.0.9:443"), (text6, "[2001:db8::1]:8080", "[::1]:443"),
      (Self.binary(0x21, 0x11, Self.four), "10.0.0.1:8080", "192.168.0.9:443"),
      (Self.binary(0x21, 0x11, Self.four + [4, 0, 1, 9]), "10.0.0.1:8080", "192.168.0.9:443"),  // with a TLV
      (six, "[0:0:0:0:0:0:0:1]:80", "[2001:0:0:0:0:0:0:0]:81"),
      (bytes("PROXY UNKNOWN\r\n"), nil, nil), (bytes("PROXY UNKNOWN ffff:: ::1 1 2\r\n"), nil, nil),
      (Self.binary(0x20, 0x00, []), nil, nil), (Self.binary(0x20, 0x11, Self.four), nil, nil), (Self.binary(0x21, 0x31, [1]), nil, nil),
    ]
    for (whole, source, destination) in known {
      let expected = ProxyHeader.Parse.complete(ProxyHeader(source: source, destination: destination), length: whole.count)
      #expect(parse(whole) == expected && parse(whole + bytes("GET /")) == expected, "\(text(whole))")
      forEveryPrefix(of: whole) { #expect(parse($0) == .needMore, "\(text($0))") }
    }
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "PROXY TCP4 10.0.0.1 192.168.0.9 8080\r\n", "PROXY TCP4 10.0.0.1 192.168.0.9 8080 65536\r\n",
    "PROXY TCP4 10.0.0.1 192.168.0.9 08 1\r\n", "PROXY TCP4 host 192.168.0.9 8 1\r\n", "PROXY TCP6 10.0.0.1 ::1 8 1\r\n",
    "PROXY TCP5 10.0.0.1 10.0.0.2 8 1\r\n", "PROXY  TCP4 10.0.0.1 10.0.0.2 8 1\r\n", "proxy UNKNOWN\r\n",
  ]) func malformedText(_ line: String) {
    #expect(parse(bytes(line)) == .malformed)
  }

  @Test func malformedBinary() {
    let long = bytes("PROXY UNKNOWN " + String(repeating: "x", count: 200))
    for bad in [
      Self.binary(0x11, 0x11, Self.four), Self.binary(0x22, 0x11, Self.four), Self.binary(0x21, 0x11, [1, 2]),
      Self.binary(0x21, 0x21, Self.four), Self.signature + [0x21, 0x11, 0xff, 0xff], long,
    ] {
      #expect(parse(bad) == .malformed)
    }
  }
}
