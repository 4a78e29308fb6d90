import HTTP
import TestSupport
import Testing

@Suite struct GRPCTests {
  static func messages(_ pieces: [[UInt8]], limit: Int = 100) -> ([[UInt8]], GRPCFrame, GRPCStatus?) {
    var deframer = GRPCDeframer(limit: limit)
    var found: [[UInt8]] = []
    var last = GRPCFrame.needMore
    for piece in pieces {
      deframer.receive(piece.span)
      last = deframer.next()
      while case .message(let message) = last {
        found.append(message)
        last = deframer.next()
      }
    }
    return (found, last, deframer.endOfInput())
  }

  @Test func framesReadBackInAnyPieces() {
    let sent = [bytes("hello"), [], [UInt8](repeating: 7, count: 100), [0]]
    let wire = sent.flatMap { grpcFrame($0) }
    #expect(Self.messages([wire]).0 == sent)
    forEverySplit(of: wire) { first, second in
      let (found, last, end) = Self.messages([first, second])
      #expect(found == sent && last == .needMore && end == nil)
    }
    #expect(Self.messages(wire.map { [$0] }).0 == sent)
    #expect(grpcFrame([9, 8]) == [0, 0, 0, 0, 2, 9, 8])
  }

  @Test("72 a message above the limit is RESOURCE_EXHAUSTED from its prefix on, a compressed one UNIMPLEMENTED")
  func faults() {
    func code(_ wire: [UInt8]) -> GRPCStatus.Code? {
      if case .fault(let status) = Self.messages([wire]).1 { status.code } else { nil }
    }
    #expect(code([0, 0, 0, 0, 101]) == .resourceExhausted)
    #expect(code([0, 0xff, 0xff, 0xff, 0xff]) == .resourceExhausted)
    #expect(code([1, 0, 0, 0, 1, 5]) == .unimplemented)
    #expect(code([2, 0, 0, 0, 1, 5]) == .internal)
    #expect(code([0, 0, 0, 0, 100]) == nil)
  }

  @Test func aFaultIsFinalAndHoldsNothing() {
    var deframer = GRPCDeframer(limit: 1)
    deframer.receive([0, 0, 0, 0, 9].span)
    let first = deframer.next()
    deframer.receive(grpcFrame([1]).span)
    #expect(deframer.next() == first && deframer.bufferedCount == 0)
  }

  @Test func aCutMessageIsSaid() {
    #expect(Self.messages([[0, 0, 0, 0, 3, 1]]).2?.code == .internal)
    #expect(Self.messages([[0]]).2?.code == .internal)
  }

  @Test func messageTextSurvivesTheWire() {
    for message in ["", "plain text", "50% \u{fc}ber\r\n\0", "\u{1f9f5}", "%41", "~ \u{7f}"] {
      let encoded = grpcPercentEncoded(message)
      #expect(encoded.utf8.allSatisfy { $0 >= 0x20 && $0 <= 0x7e })
      #expect(grpcPercentDecoded(bytes(encoded).span) == message)
    }
    #expect(grpcPercentEncoded("a%\n") == "a%25%0A")
  }

  @Test(
    "71 bad percent-encoding is kept as it is",
    arguments: [
      ("%", "%"), ("a%4", "a%4"), ("%zz%41", "%zzA"), ("%4%41", "%4A"), ("%ff", "\u{fffd}"), ("%c3%bc", "\u{fc}"),
    ])
  func badEncoding(_ value: String, _ expected: String) {
    #expect(grpcPercentDecoded(bytes(value).span) == expected)
  }

  @Test("71 a status that is no known number is UNKNOWN")
  func statuses() {
    func code(_ text: String) -> GRPCStatus.Code { GRPCStatus.Code(fieldValue: bytes(text).span) }
    for known in GRPCStatus.Code.allCases { #expect(code("\(known.rawValue)") == known) }
    for text in ["", "17", "99", "-1", "x", "1x", "999999999999999999999", " 0"] {
      #expect(code(text) == .unknown, "\(text)")
    }
  }

  @Test func statusMaps() {
    let fromHTTP = [400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14, 200: 2, 500: 2, 418: 2]
    for (status, number) in fromHTTP { #expect(GRPCStatus.Code(httpStatus: status).rawValue == number, "\(status)") }
    let toHTTP = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
    #expect(GRPCStatus.Code.allCases.map(\.httpStatus) == toHTTP)
  }

  @Test func timeouts() {
    func nanoseconds(_ text: String) -> UInt64? { grpcTimeoutNanoseconds(bytes(text).span) }
    #expect(
      nanoseconds("1H") == 3_600_000_000_000 && nanoseconds("2M") == 120_000_000_000
        && nanoseconds("3S") == 3_000_000_000)
    #expect(nanoseconds("4m") == 4_000_000 && nanoseconds("5u") == 5000 && nanoseconds("99999999n") == 99_999_999)
    #expect(nanoseconds("99999999H") == UInt64(Int64.max) && nanoseconds("0n") == 0)
    for text in ["", "H", "1", "1h", "123456789S", "-1S", "1.5S", "1 S", " 1S", "1SS"] {
      #expect(nanoseconds(text) == nil, "\(text)")
    }
  }

  @Test func writtenTimeoutsAreNeverShorter() {
    var random = SeededRandom(seed: 9)
    for _ in 0..<500 {
      let wanted = random.next() >> UInt64(1 + random.below(62))
      let read = grpcTimeoutNanoseconds(bytes(grpcTimeout(nanoseconds: wanted)).span)
      // Above 99 999 999 minutes only whole hours can be said.
      #expect(read.map { $0 >= wanted || wanted > 5_999_999_940_000_000_000 } == true, "\(wanted)")
      #expect(read.map { Double($0) <= Double(wanted) * 1.001 + 1 } == true, "\(wanted)")
    }
  }
}
