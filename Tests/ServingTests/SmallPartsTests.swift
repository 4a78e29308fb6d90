import HTTP2
import SystemIO
import Testing

@testable import Serving

@Suite struct SmallPartsTests {
  @Test func datesAreAsTheRFCHasThem() {
    #expect(HTTPDate.format(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(HTTPDate.format(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDate.format(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    #expect(HTTPDate.format(4_102_444_799) == "Thu, 31 Dec 2099 23:59:59 GMT")
  }

  @Test func requestsTakeTheirTargetApart() {
    func request(_ target: String) -> HTTPRequest {
      HTTPRequest(method: "GET", target: target, peer: .loopback(port: 1))
    }
    #expect(request("/a/b%20c//?x=1&y=a+b%26&z").pathSegments == ["a", "b c", "", ""])
    #expect(request("/a/b%20c//?x=1&y=a+b%26&z").queryItems?.map { "\($0.name)=\($0.value)" } == ["x=1", "y=a b&", "z="])
    #expect(request("/").pathSegments == [])
    #expect(request("/").query == nil)
    #expect(request("/?").queryItems?.isEmpty == true)
    #expect(request("/a%2").pathSegments == nil)
    #expect(request("/a%zz").pathSegments == nil)
    #expect(request("/a%ff").pathSegments == nil)
    #expect(request("/?a=%").queryItems == nil)
    #expect(request("*").pathSegments == nil)
  }

  @Test func problemsAreJSONWhateverTheDetail() {
    let text = HTTPResponse.problem(400, "a \"quoted\" \\ line\nand \u{1}").text ?? ""
    #expect(text == #"{"type":"about:blank","title":"Bad Request","status":400,"detail":"a \"quoted\" \\ line\nand \u0001"}"# + "\n")
  }

  @Test func keepaliveAsksOnceAndGivesUp() {
    var limits = ServingLimits()
    limits.keepalive = .seconds(20)
    limits.pingTimeout = .seconds(10)
    func at(_ second: Int) -> Instant { Instant(nanoseconds: UInt64(second) * 1_000_000_000) }
    var keepalive = Keepalive()
    #expect(keepalive.check(receivedAt: at(5), at: at(20), limits: limits) == .quiet(until: at(25)))
    #expect(keepalive.check(receivedAt: at(5), at: at(25), limits: limits) == .ping(until: at(35)))
    #expect(keepalive.check(receivedAt: at(5), at: at(30), limits: limits) == .quiet(until: at(35)))
    var heard = keepalive
    #expect(heard.check(receivedAt: at(26), at: at(35), limits: limits) == .quiet(until: at(46)))
    #expect(keepalive.check(receivedAt: at(5), at: at(35), limits: limits) == .dead)
  }

  @Test func prefaceIsToldByItsFirstBytes() {
    let whole = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    for count in 0..<whole.count {
      let part = Array(whole[..<count])
      #expect(Preface(part.span) == .undecided, "\(count) bytes")
      let wrong = part + [UInt8(ascii: "!")]
      #expect(Preface(wrong.span) == .other)
    }
    #expect(Preface(whole.span) == .http2)
  }

  @Test func aStreamIsClosedOnceAndTellsLateListeners() {
    let stream = ResponseStream(limit: 10)
    #expect(stream.send([1, 2, 3]))
    #expect(stream.take().chunks == [[1, 2, 3]])
    #expect(stream.send([UInt8](repeating: 0, count: 10)))
    #expect(!stream.send([1]))
    #expect(stream.take().isOverrun)
    stream.close()
    let calls = Collected<Int>()
    stream.onClose { calls.add(1) }
    stream.close()
    #expect(calls.all == [1])
    #expect(!stream.send([1]))
  }

  @Test func anAsyncHandlerAnswersFromItsTask() async {
    let handler = AsyncHandler { request in
      await Task.yield()
      return HTTPResponse(status: 200, text: request.path)
    }
    let answer = await withCheckedContinuation { continuation in
      handler.handle(
        HTTPRequest(method: "GET", target: "/x", peer: .loopback(port: 1)),
        Responder { response, wasDropped in
          continuation.resume(returning: (response.text, wasDropped))
        })
    }
    #expect(answer == ("/x", false))
  }

  @Test func theBudgetNeverGoesBelowZero() {
    let budget = BodyBudget(10)
    #expect(budget.take(7))
    #expect(!budget.take(4))
    budget.giveBack(7)
    #expect(budget.take(10))
  }
}
