import HTTP
import TestSupport
import Testing

@Suite struct ClientMachineTests {
  private func receive(_ machine: inout HTTP1Client, _ text: String) -> ClientHead {
    var head = ResponseHead()
    let input = bytes(text)
    expect(head.parse(input.span) == .complete(input.count))
    return machine.receive(head)
  }

  private func started(_ method: Method = .get, hasBody: Bool = false, expectsContinue: Bool = false) -> HTTP1Client {
    var machine = HTTP1Client()
    let began = machine.beginRequest(method: method, hasBody: hasBody, expectsContinue: expectsContinue)
    expect(began)
    return machine
  }

  @Test func aConnectionIsReusedAfterAWholeExchange() {
    var machine = started()
    expect(!machine.isIdle && machine.mayParse)
    expect(receive(&machine, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n") == .final(.length(3)))
    expect(!machine.mayParse && !machine.isResponseComplete)
    expect(machine.receiveBody(bytes("abc").span) == .data(start: 0, end: 3, consumed: 3))
    expect(machine.isResponseComplete && machine.finish(leftover: 0) && machine.isIdle)
    let again = machine.beginRequest(method: .get, hasBody: false)
    expect(again)
  }

  @Test func aConnectionInUseTakesNoSecondRequest() {
    var machine = started()
    let second = machine.beginRequest(method: .get, hasBody: false)
    expect(!second)
  }

  @Test("32 bytes that no request asked for discard the connection")
  func leftover() {
    var machine = started()
    expect(receive(&machine, "HTTP/1.1 204 No Content\r\n\r\n") == .final(.none))
    expect(!machine.finish(leftover: 5) && machine.isClosed)
    var idle = HTTP1Client()
    expect(!idle.mayParse)
    expect(receive(&idle, "HTTP/1.1 200 OK\r\n\r\n") == .fault(.unexpectedResponse))
  }

  @Test("32 more than eight interim answers are a fault")
  func informationalFlood() {
    var machine = started()
    for _ in 0..<8 { expect(receive(&machine, "HTTP/1.1 103 X\r\n\r\n") == .informational(103)) }
    expect(receive(&machine, "HTTP/1.1 103 X\r\n\r\n") == .fault(.tooManyInformational))
    expect(HTTPFault.tooManyInformational.status == 502)
  }

  @Test("30 a switch of protocols that nobody asked for is a fault")
  func switching() {
    var machine = started()
    expect(
      receive(&machine, "HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n") == .fault(.unexpectedUpgrade))
  }

  @Test("28 the body waits for 100, and never goes out after a final answer")
  func waits() {
    var machine = started(.put, hasBody: true, expectsContinue: true)
    expect(machine.awaitsContinue)
    expect(receive(&machine, "HTTP/1.1 100 Continue\r\n\r\n") == .informational(100))
    expect(!machine.awaitsContinue)
    machine.endRequest()
    expect(receive(&machine, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == .final(.none))
    expect(machine.finish(leftover: 0))
    var refused = started(.put, hasBody: true, expectsContinue: true)
    expect(receive(&refused, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n") == .final(.none))
    expect(refused.awaitsContinue && refused.isResponseComplete && !refused.finish(leftover: 0))
  }

  @Test("29 an answer before the request's end does not leave the connection in the pool")
  func earlyAnswer() {
    var machine = started(.post, hasBody: true)
    expect(receive(&machine, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n") == .final(.none))
    expect(!machine.finish(leftover: 0))
    var late = started(.post, hasBody: true)
    expect(receive(&late, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == .final(.none))
    late.endRequest()
    expect(late.finish(leftover: 0))
  }

  @Test func theServersWishToCloseIsHonoured() {
    for text in [
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ] {
      var machine = started()
      expect(receive(&machine, text) == .final(.none))
      expect(!machine.finish(leftover: 0))
    }
  }

  @Test func headHasNoBody() {
    var machine = started(.head)
    expect(receive(&machine, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n") == .final(.none))
    expect(machine.isResponseComplete && machine.finish(leftover: 0))
  }

  @Test("34 a close within a body is never its end, except where it is the framing")
  func endOfInput() {
    var cut = started()
    expect(receive(&cut, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n") == .final(.length(3)))
    expect(cut.endOfInput(buffered: 0) == .fault(.truncatedBody))
    var open = started()
    expect(receive(&open, "HTTP/1.1 200 OK\r\n\r\n") == .final(.untilClose))
    expect(open.receiveBody(bytes("x").span) == .data(start: 0, end: 1, consumed: 1))
    expect(open.endOfInput(buffered: 0) == .complete && open.isClosed)
    var silent = started()
    expect(silent.endOfInput(buffered: 0) == .unanswered)
    var partial = started()
    expect(partial.endOfInput(buffered: 4) == .fault(.truncatedHead))
    var interim = started()
    expect(receive(&interim, "HTTP/1.1 100 X\r\n\r\n") == .informational(100))
    expect(interim.endOfInput(buffered: 0) == .fault(.truncatedHead))
    var idle = HTTP1Client()
    expect(idle.endOfInput(buffered: 0) == .idle)
  }

  @Test("32 a bad chunk discards the connection")
  func badChunk() {
    var machine = started()
    expect(receive(&machine, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") == .final(.chunked))
    expect(machine.receiveBody(bytes("zz").span) == .fault(.badChunkSize))
    expect(!machine.finish(leftover: 0) && machine.isClosed)
  }
}
