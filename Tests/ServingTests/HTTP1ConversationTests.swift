import HTTP
import HTTP2
import Memory
import SystemIO
import TestSupport
import Testing

@testable import Serving

/// The machine alone: bytes in, requests and bytes out, no socket and no clock.
@Suite struct HTTP1ConversationTests {
  private static let now = Instant(nanoseconds: 1_000_000_000)

  /// Feeds the pieces, answers each request with its own words, and gives what was written.
  private func talk(_ pieces: [[UInt8]], limits: ServingLimits = .rest) -> (requests: [String], output: String) {
    let conversation = HTTP1Conversation(limits: limits, budget: BodyBudget(1 << 20), at: Self.now)
    var head = RequestHead()
    var input = ByteBuffer()
    var output = ByteBuffer()
    var requests: [String] = []
    for piece in pieces {
      input.append(piece)
      turn: while true {
        let step = conversation.next(&input, &output, head: &head, peer: .loopback(port: 1), at: Self.now)
        switch step {
        case .request(let request):
          let text = "\(request.method) \(request.target) \(String(decoding: request.body, as: UTF8.self))"
          requests.append(text)
          #expect(!conversation.respond(.init(status: 200), to: conversation.sequence &- 1, date: "", &output))
          #expect(conversation.respond(.init(status: 200, text: text), to: conversation.sequence, date: "", &output))
        case .refused: break
        case .waiting: break turn
        }
        // An answer of which one byte at a time fits.
        while case .more = conversation.fill(&output, limit: output.count + 1, at: Self.now) {
          if conversation.isOver { break }
        }
      }
    }
    var bytes: [UInt8] = []
    bytes.append(contentsOf: output.span, in: 0..<output.count)
    return (requests, text(bytes))
  }

  private static let conversation = bytes(
    "GET /1?q HTTP/1.1\r\nHost: a\r\n\r\n"
      + "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
      + "PUT /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;e=f\r\nc\r\n0\r\nX: y\r\n\r\n"
      + "HEAD http://b/4 HTTP/1.1\r\nHost: b\r\n\r\n" + "GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
      + "GET /never HTTP/1.1\r\nHost: a\r\n\r\n")

  @Test func everySplitGivesTheSameRequestsAndAnswers() {
    let whole = talk([Self.conversation])
    #expect(whole.requests == ["GET /1?q ", "POST /2 body", "PUT /3 abc", "HEAD /4 ", "GET /5 "])
    #expect(whole.output.ranges(of: "HTTP/1.1 200 OK").count == 5)
    forEverySplit(of: Self.conversation) { first, second in
      let split = talk([first, second])
      #expect(split.requests == whole.requests && split.output == whole.output, "cut at \(first.count)")
    }
    let single = talk(Self.conversation.map { [$0] })
    #expect(single.requests == whole.requests && single.output == whole.output)
  }

  /// No bytes whatever make it trap or answer without end.
  @Test(arguments: 0..<40) func mutatedInputIsHarmless(seed: Int) {
    var random = SeededRandom(seed: UInt64(seed))
    for _ in 0..<50 {
      let bad = random.mutated(Self.conversation, alphabet: bytes("\r\n :;0123456789abcdefHTP/."))
      let result = talk(random.pieces(of: bad, most: 60))
      #expect(result.requests.count < 12, "seed \(seed)")
    }
  }

  @Test func bodiesStayWithinTheBudgetAndGiveItBack() {
    let budget = BodyBudget(10)
    var head = RequestHead()
    var output = ByteBuffer()
    func conversation() -> HTTP1Conversation { HTTP1Conversation(limits: .rest, budget: budget, at: Self.now) }
    func feed(_ conversation: HTTP1Conversation, _ body: String) -> HTTP1Conversation.Step {
      var input = ByteBuffer()
      input.append("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n" + body)
      return conversation.next(&input, &output, head: &head, peer: .loopback(port: 1), at: Self.now)
    }
    let first = conversation()
    guard case .request = feed(first, "12345678") else { Issue.record("fits"); return }
    let second = conversation()
    guard case .refused = feed(second, "12345678") else { Issue.record("does not fit beside the first"); return }
    first.close()
    second.close()
    #expect(budget.take(10), "all was given back")
  }
}
