import HTTP
import HTTP2
import Memory

/// Reads one answer out of a connection's bytes, piece by piece: a machine, so that the blocking client and the one on a
/// loop read alike.
struct AnswerReader {
  /// One step.
  enum Step {
    /// Status and fields, with an empty body. Interim answers (100, 103) are passed over.
    case head(HTTPResponse)
    case bytes([UInt8])
    /// What was given is used up as far as it can be.
    case needMore
    /// The whole answer has been told.
    case ended
    case fault(HTTPFault)
  }

  private enum State {
    case head(HeadScan, interim: Int)
    case body(BodyReader)
    case done
  }

  /// Interim answers before the one that counts. Why: a server that sends them for ever would never be late.
  static let interimLimit = 16

  private let method: Method
  private var state = State.head(HeadScan(), interim: 0)
  private var keepsConnection = false

  /// - Parameter method: of the request that is answered; an answer to HEAD has no body.
  init(method: String) {
    let bytes = Array(method.utf8)
    self.method = Method(bytes.span)
  }

  /// The next step; what it took is removed from `input`.
  mutating func next(_ input: inout ByteBuffer) -> Step {
    switch state {
    case .head(var scan, let interim): return readHead(&input, &scan, interim)
    case .body(var body):
      let step = Self.readBody(&input, &body)
      state = .body(body)
      if case .ended = step { state = .done }
      return step
    case .done: return .ended
    }
  }

  /// The connection has reached its end: nil if that ends the answer, else it was cut short.
  mutating func endOfInput() -> HTTPFault? {
    switch state {
    case .head: return .truncatedHead
    case .done: return nil
    case .body(var body):
      let fault = body.endOfInput()
      state = .done
      return fault
    }
  }

  /// The answer is over and the server takes another request on this connection.
  var isReusable: Bool {
    if case .done = state { keepsConnection } else { false }
  }

  private mutating func readHead(_ input: inout ByteBuffer, _ scan: inout HeadScan, _ interim: Int) -> Step {
    var head = ResponseHead()
    var skipped = interim
    while true {
      switch head.parse(input.span, limits: .standard, scan: &scan) {
      case .incomplete:
        state = .head(scan, interim: skipped)
        return .needMore
      case .fault(let fault): return .fault(fault)
      case .complete(let count) where head.isInformational:
        if head.statusCode == 101 { return .fault(.unexpectedUpgrade) }
        input.removeFirst(count)
        skipped += 1
        if skipped > Self.interimLimit { return .fault(.tooManyInformational) }
      case .complete(let count):
        let response = HTTPResponse(status: head.statusCode, headers: Self.fields(head, input.span))
        input.removeFirst(count)
        let framing = head.framing(requestMethod: method)
        keepsConnection = head.keepAlive && framing != .untilClose
        state = .body(BodyReader(framing))
        return .head(response)
      }
    }
  }

  private static func fields(_ head: borrowing ResponseHead, _ bytes: Span<UInt8>) -> HeaderList {
    var fields = HeaderList()
    for index in 0..<head.fields.count {
      let field = head.fields[index]
      fields.append(name: bytes.extracting(field.nameRange), value: bytes.extracting(field.valueRange))
    }
    return fields
  }

  private static func readBody(_ input: inout ByteBuffer, _ body: inout BodyReader) -> Step {
    while true {
      switch body.next(input.span) {
      case .data(let start, let end, let consumed):
        var piece: [UInt8] = []
        piece.append(contentsOf: input.span, in: start..<end)
        input.removeFirst(consumed)
        return .bytes(piece)
      case .end(let consumed), .trailers(_, _, let consumed):
        input.removeFirst(consumed)
        return .ended
      case .fault(let fault): return .fault(fault)
      case .needMore(let consumed):
        input.removeFirst(consumed)
        return .needMore
      }
    }
  }
}

/// What an answer that broke the protocol is called in an error.
func answerFault(_ fault: HTTPFault, hasHead: Bool) -> String {
  switch fault {
  case .truncatedHead, .truncatedBody: "the answer was cut short"
  default: (hasHead ? "the answer is broken: " : "no HTTP answer: ") + fault.reason.description
  }
}
