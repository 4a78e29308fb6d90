import TestSupport
import Testing

@testable import Discovery

/// A response in bytes, for tests: names are written in full unless `pointer`s are asked for.
struct ResponseBytes {
  var bytes: [UInt8] = []

  init(id: UInt16 = 7, flags: UInt16 = 0x8180, counts: [UInt16]) { for word in [id, flags] + counts { add(word) } }

  mutating func add(_ word: UInt16) { bytes += [UInt8(word >> 8), UInt8(truncatingIfNeeded: word)] }

  mutating func name(_ text: String) {
    for label in text.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
    bytes.append(0)
  }

  mutating func pointer(_ target: UInt16) { add(0xc000 | target) }

  mutating func question(_ text: String, _ type: UInt16) {
    name(text)
    add(type)
    add(1)
  }

  /// After a record's name.
  mutating func record(_ type: UInt16, ttl: UInt16 = 60, _ content: [UInt8]) {
    for word in [type, 1, 0, ttl, UInt16(content.count)] { add(word) }
    bytes += content
  }
}

/// `web.test` is an alias of `real.web.test`, which has two addresses.
func aliasResponse(id: UInt16 = 7) -> [UInt8] {
  var response = ResponseBytes(id: id, counts: [1, 3, 0, 0])
  response.question("web.test", 1)
  response.pointer(12)
  // real + pointer to the question's name
  response.record(5, ttl: 30, [4] + Array("real".utf8) + [0xc0, 12])
  let target = UInt16(12 + 10 + 4 + 12)
  response.pointer(target)
  response.record(1, [10, 0, 0, 1])
  response.name("real.web.test")
  response.record(1, [10, 0, 0, 2])
  return response.bytes
}

@Suite struct DNSMessageTests {
  private let web = DNSQuestion(name: HostName("web.test")!, type: .a)

  @Test func queriesAreAsTheRFCHasThem() {
    let plain = web.encoded(id: 0x1234, isExtended: false)
    #expect(plain == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3] + Array("web".utf8) + [4] + Array("test".utf8) + [0, 0, 1, 0, 1])
    #expect(web.encoded(id: 0x1234, isExtended: true).suffix(11) == [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0])
  }

  @Test func aliasesAndPointersAreFollowed() throws {
    let message = try DNSMessage(decoding: aliasResponse())
    #expect(message.id == 7 && message.question == web)
    guard case .answer(let answer) = message.verdict(on: web) else {
      Issue.record("no answer")
      return
    }
    #expect(answer == DNSAnswer(outcome: .records([.address("10.0.0.1"), .address("10.0.0.2")]), ttl: 30))
  }

  @Test func ipv6AndServicesAreRead() throws {
    var response = ResponseBytes(counts: [0, 2, 0, 0])
    response.name("a.b")
    response.record(28, [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1])
    response.name("s.b")
    response.record(33, [0, 1, 0, 2, 0, 80, 1] + Array("H".utf8) + [0])
    let answers = try DNSMessage(decoding: response.bytes).answers
    #expect(
      answers.map(\.content) == [
        .address("2001:db8::1"), .service(priority: 1, weight: 2, port: 80, target: HostName("h")),
      ])
  }

  @Test func noComesWithItsTime() throws {
    var response = ResponseBytes(flags: 0x8183, counts: [1, 0, 1, 0])
    response.question("web.test", 1)
    response.pointer(16)
    response.record(6, ttl: 500, [0, 0] + [UInt8](repeating: 0, count: 16) + [0, 0, 0, 9])
    let verdict = try DNSMessage(decoding: response.bytes).verdict(on: web)
    guard case .answer(let answer) = verdict else {
      Issue.record("no answer")
      return
    }
    #expect(answer == DNSAnswer(outcome: .noSuchName, ttl: 9))
  }

  @Test func namesInACircleAndCutMessagesAreRefused() throws {
    var circle = ResponseBytes(counts: [0, 1, 0, 0])
    circle.pointer(12)
    circle.record(1, [1, 2, 3, 4])
    #expect(throws: DNSMalformed(problem: "a name that leads in a circle")) { _ = try DNSMessage(decoding: circle.bytes) }
    var ahead = ResponseBytes(counts: [0, 1, 0, 0])
    ahead.pointer(14)
    ahead.pointer(12)
    ahead.record(1, [1, 2, 3, 4])
    #expect(throws: DNSMalformed.self) { _ = try DNSMessage(decoding: ahead.bytes) }
    forEveryPrefix(of: aliasResponse()) { prefix in
      #expect(throws: DNSMalformed.self, "\(prefix.count) bytes") { _ = try DNSMessage(decoding: prefix) }
    }
  }

  @Test func randomBytesAreRefusedOrRead() {
    var mutator = Mutator(corpus: [aliasResponse()], alphabet: [0, 1, 5, 12, 0x3f, 0xc0, 0xff], seed: 21)
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      guard let message = try? DNSMessage(decoding: input) else { continue }
      _ = message.verdict(on: web)
      for record in message.answers { #expect(record.owner?.labels.isEmpty != true, "\(input)") }
    }
  }

  @Test(arguments: ["", ".", "a..b", "-ä", "a b", "10.0.0.300", "7", "a.1", String(repeating: "x", count: 64)])
  func hostileNamesAreNone(_ text: String) { #expect(HostName(text) == nil) }

  @Test func namesAreLowerCaseAndBounded() {
    #expect(HostName("Web.Example.ORG.")?.description == "web.example.org")
    let long = String(repeating: "abcdefghi.", count: 25) + "abc"
    #expect(HostName(long)?.labels.count == 26)
    #expect(HostName(long + "d") == nil)
  }
}
