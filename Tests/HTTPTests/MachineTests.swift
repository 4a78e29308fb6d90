import HTTP
import Memory
import TestSupport
import Testing

/// One server machine with its input, driven as a connection drives it.
private struct Served: ~Copyable {
  var machine = HTTP1Server()
  var head = RequestHead()
  var scan = HeadScan()
  var input = ByteBuffer()

  init(_ text: String) { input.append(text) }

  /// Parses the next head and takes it from the input.
  mutating func begin() -> Bool {
    guard machine.mayParse, case .complete(let n) = head.parse(input, scan: &scan) else { return false }
    machine.receive(head)
    input.removeFirst(n)
    return true
  }

  mutating func readBody() -> String {
    var data: [UInt8] = []
    while machine.isReceivingBody {
      switch machine.receiveBody(input) {
      case .data(let start, let end, let n):
        for i in start..<end { data.append(input.span[i]) }
        input.removeFirst(n)
      case .trailers(_, _, let n), .end(let n): input.removeFirst(n)
      case .needMore, .fault: return text(data)
      }
    }
    return text(data)
  }

  var rest: String { text((0..<input.count).map { input.span[$0] }) }

  mutating func answer(_ status: Int = 200, _ framing: BodyFraming = .length(2)) -> (ResponsePlan, Afterwards) {
    (machine.beginResponse(status: status, framing: framing), machine.endResponse())
  }
}

@Suite struct ServerMachineTests {
  @Test("26 pipelined requests are served one at a time, in order, with at most one read ahead")
  func pipelining() {
    var served = Served((0..<1000).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
    for i in 0..<1000 {
      expect(served.machine.wantsInput(buffered: 0))
      let began = served.begin()
      expect(began)
      expect(served.head.pathRange.count == "/\(i)".utf8.count)
      expect(!served.machine.mayParse && !served.begin(), "a second request while one is served")
      expect(!served.machine.wantsInput(buffered: served.input.count) || served.input.isEmpty)
      expect(served.machine.wantsInput(buffered: 0), "the end of the connection must be seen")
      expect(served.answer().1 == .next)
    }
    expect(served.input.isEmpty)
  }

  @Test("27 a request within a body is body")
  func smuggled() {
    var served = Served(
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 28\r\n\r\n"
        + "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    expect(served.begin())
    expect(served.readBody() == "GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(served.answer().1 == .next)
    expect(served.begin() && served.rest.isEmpty)
  }

  @Test("28 a waiting client is told to go on once, then sends its body")
  func continues() {
    var served = Served("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    expect(served.begin())
    expect(served.machine.mayForward(informational: 103))
    expect(served.machine.mayForward(informational: 100))
    expect(!served.machine.mayForward(informational: 100) && !served.machine.mayForward(informational: 101))
    served.input.append("hello")
    expect(served.readBody() == "hello")
    let (plan, after) = served.answer()
    expect(!plan.closes && after == .next)
  }

  @Test("28 a final answer to a client that still waits ends the connection")
  func finalInsteadOfContinue() {
    var served = Served("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    expect(served.begin())
    let (plan, after) = served.answer(403)
    expect(plan.closes && after == .closeAfterLinger)
    expect(served.machine.isClosed)
  }

  @Test("28 interim answers do not go to HTTP/1.0, nor after the final head, nor 100 unasked")
  func interim() {
    var old = Served("GET / HTTP/1.0\r\n\r\n")
    expect(old.begin() && !old.machine.mayForward(informational: 103))
    var new = Served("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(new.begin() && !new.machine.mayForward(informational: 100) && new.machine.mayForward(informational: 103))
    _ = new.machine.beginResponse(status: 200, framing: .none)
    expect(!new.machine.mayForward(informational: 103))
  }

  @Test("29 after an early answer at most 64 KiB are passed over")
  func drains() {
    let size = 65_536
    var served = Served("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
    expect(served.begin())
    let (plan, after) = served.answer(413)
    expect(!plan.closes && after == .drain)
    let half = [UInt8](repeating: 1, count: size / 2)
    expect(served.machine.drain(half.span) == .needMore(consumed: half.count))
    expect(served.machine.drain((half + bytes("GET")).span) == .next(consumed: half.count))
    expect(served.machine.mayParse)
  }

  @Test("29 a rest that is known to be longer closes at once, an unknown one when it has become longer")
  func drainLimit() {
    var known = Served("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n")
    expect(known.begin())
    expect(known.answer(413) == (ResponsePlan(body: .length(2), closes: true, saysKeepAlive: false), .closeAfterLinger))
    var unknown = Served("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    expect(unknown.begin())
    expect(unknown.answer(413).1 == .drain)
    let chunk = bytes("8000\r\n") + [UInt8](repeating: 1, count: 0x8000) + bytes("\r\n")
    expect(unknown.machine.drain(chunk.span) == .needMore(consumed: chunk.count))
    expect(unknown.machine.drain(chunk.span) == .close)
    expect(unknown.machine.isClosed)
  }

  @Test("29 a fault in what is passed over closes")
  func drainFault() {
    var served = Served("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    expect(served.begin() && served.answer(413).1 == .drain)
    expect(served.machine.drain(bytes("xyz").span) == .close)
  }

  @Test("9 after a fault in the request's body the answer is the last")
  func bodyFault() {
    var served = Served("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX")
    expect(served.begin())
    expect(served.readBody() == "hello")
    let (plan, after) = served.answer(400)
    expect(plan.closes && after == .closeAfterLinger)
  }

  @Test("30 a request with an upgrade goes on as a plain one")
  func upgrade() {
    var served = Served("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    expect(served.begin())
    expect(!served.machine.mayForward(informational: 101))
    let (plan, after) = served.answer()
    expect(!plan.closes && after == .next)
  }

  @Test func framingFitsTheClient() {
    func plan(_ request: String, _ status: Int, _ framing: BodyFraming) -> ResponsePlan {
      var served = Served(request)
      expect(served.begin())
      return served.machine.beginResponse(status: status, framing: framing)
    }
    let new = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    let old = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(plan(new, 200, .untilClose) == ResponsePlan(body: .chunked, closes: false, saysKeepAlive: false))
    expect(plan(new, 200, .length(3)) == ResponsePlan(body: .length(3), closes: false, saysKeepAlive: false))
    expect(plan(old, 200, .chunked) == ResponsePlan(body: .untilClose, closes: true, saysKeepAlive: false))
    expect(plan(old, 200, .length(3)) == ResponsePlan(body: .length(3), closes: false, saysKeepAlive: true))
    expect(plan(head, 200, .length(3)).body == .none)
    expect(plan(head, 200, .untilClose) == ResponsePlan(body: .none, closes: false, saysKeepAlive: false))
    expect(plan(new, 204, .chunked).body == .none && plan(new, 304, .length(3)).body == .none)
  }

  @Test func closingIsHonoured() {
    var asked = Served("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect(asked.begin() && asked.answer().1 == .close && asked.machine.isClosed)
    var draining = Served("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(draining.begin() && !draining.machine.shutDown())
    let (plan, after) = draining.answer()
    expect(plan.closes && after == .close)
    var idle = HTTP1Server()
    expect(idle.shutDown() && idle.isClosed)
  }

  @Test("34 the end of input within a request's body is not its end")
  func endOfInput() {
    var cut = Served("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
    expect(cut.begin() && cut.readBody() == "hel")
    expect(cut.machine.endOfInput() == .truncated && cut.machine.isClosed)
    var half = Served("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(half.begin() && half.machine.endOfInput() == .halfClosed)
    expect(half.answer().1 == .close)
    var idle = HTTP1Server()
    expect(idle.endOfInput() == .close)
  }

  @Test func stepsOutOfOrderCloseOnlyTheConnection() {
    var machine = HTTP1Server()
    expect(machine.beginResponse(status: 200, framing: .none).closes && machine.isClosed)
    var other = HTTP1Server()
    expect(other.endResponse() == .close && other.drain(bytes("x").span) == .close)
  }
}
