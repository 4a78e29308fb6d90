import TestSupport
import Testing

@testable import Traffic

@Suite struct ClientHelloTests {
  /// A ClientHello with these extensions, in records of at most `most` bytes.
  static func hello(_ extensions: [(Int, [UInt8])], most: Int = 16_384) -> [UInt8] {
    var body: [UInt8] = [3, 3] + Array(repeating: 7, count: 32) + [0] + vector([0x13, 0x01], 2) + vector([0], 1)
    body += vector(extensions.flatMap { number($0, 2) + vector($1, 2) }, 2)
    let message = [1] + number(body.count, 3) + body
    return stride(from: 0, to: message.count, by: most).flatMap { start in
      let piece = Array(message[start..<min(start + most, message.count)])
      return [0x16, 3, 1] + vector(piece, 2)
    }
  }

  static func name(_ host: String) -> (Int, [UInt8]) { (0, vector([0] + vector(bytes(host), 2), 2)) }
  static func protocols(_ names: [String]) -> (Int, [UInt8]) { (16, vector(names.flatMap { vector(bytes($0), 1) }, 2)) }
  static func number(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
  static func vector(_ content: [UInt8], _ lengthBytes: Int) -> [UInt8] { number(content.count, lengthBytes) + content }

  private func parse(_ bytes: [UInt8]) -> ClientHello.Parse { ClientHello.parse(bytes.span) }

  @Test(arguments: [16_384, 1, 7, 100]) func nameAndProtocolsInAnyRecords(_ most: Int) throws {
    let whole = Self.hello([(10, [0, 2, 0, 29]), Self.name("Web.Example"), Self.protocols(["h2", "http/1.1"])], most: most)
    guard case .complete(let hello) = parse(whole) else { throw Malformed() }
    #expect(hello.serverName == "web.example" && hello.applicationProtocols == ["h2", "http/1.1"])
    // What follows it does not matter; what is missing is waited for.
    #expect(parse(whole + [0x17, 3, 3, 0, 1, 0]) == parse(whole))
    forEveryPrefix(of: whole) { #expect(parse($0) == .needMore) }
  }

  @Test func withoutAName() throws {
    guard case .complete(let hello) = parse(Self.hello([])) else { throw Malformed() }
    #expect(hello == ClientHello())
  }

  @Test func lengthsThatLeadOutOfIt() {
    let two = (0, Self.vector([0] + Self.vector(bytes("a"), 2) + [0] + Self.vector(bytes("b"), 2), 2))
    for bad in [
      Self.hello([two]), Self.hello([(0, [0, 9, 0, 0, 1, 0x61])]), Self.hello([(16, [0, 3, 9, 0x68, 0x32])]),
      Self.hello([(16, [0, 1, 0])]), Self.hello([Self.name("")]), [0x16, 3, 1, 0, 4, 2, 0, 0, 0], [0x16, 3, 1, 0, 0],
      [0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff], [0x17, 3, 1, 0, 1, 1],
    ] {
      #expect(parse(bad) == .malformed)
    }
  }

  private struct Malformed: Error {}
}
