import HTTP
import Memory
import TestSupport
import Testing

@testable import Serving

@Suite struct AnswerReaderTests {
  private static let answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nx: y\r\n\r\n",
  ]

  /// What a reader tells of the pieces: the body, and whether it ended or how it broke.
  private func read(_ pieces: [[UInt8]]) -> (body: String, end: String, isReusable: Bool) {
    var reader = AnswerReader(method: "GET")
    var input = ByteBuffer()
    var body: [UInt8] = []
    for piece in pieces {
      input.append(piece)
      reading: while true {
        switch reader.next(&input) {
        case .head: break
        case .bytes(let bytes): body += bytes
        case .needMore: break reading
        case .ended: return (String(decoding: body, as: UTF8.self), "ended", reader.isReusable)
        case .fault(let fault): return (String(decoding: body, as: UTF8.self), "\(fault)", reader.isReusable)
        }
      }
    }
    let fault = reader.endOfInput()
    return (String(decoding: body, as: UTF8.self), fault.map { "\($0)" } ?? "closed", reader.isReusable)
  }

  @Test(arguments: answers)
  func everySplitReadsAlike(answer: String) {
    forEverySplit(of: bytes(answer)) { first, second in
      let result = read([first, second])
      #expect(result.body == "hello" && result.end == "ended" && result.isReusable)
    }
  }

  @Test(arguments: answers)
  func everyPrefixIsCutShort(answer: String) {
    forEveryPrefix(of: bytes(answer)) { prefix in
      let end = read([prefix]).end
      #expect(end == "truncatedHead" || end == "truncatedBody")
    }
  }

  @Test func randomAnswersNeverTrap() {
    var mutator = Mutator(corpus: Self.answers, alphabet: "\r\n :;0123456789abcdef", seed: 0xa125)
    for _ in 0..<fuzzRounds {
      let whole = mutator.next()
      let result = read(mutator.pieces(of: whole, most: 16))
      #expect(result.body.utf8.count <= whole.count * 3)
    }
  }
}
