import HTTP
import HTTP2
import Memory
import SystemIO

/// The server's side of one HTTP/1 connection, without its socket: bytes of `input` become requests, answers become bytes of
/// `output`. Requests are answered one after the other; what a peer pipelines behind waits in `input`.
final class HTTP1Conversation {
  enum Step {
    /// More bytes, or an answer, must come first.
    case waiting
    case request(HTTPRequest)
    /// The request broke a rule; its answer is queued, then the connection closes.
    case refused
  }

  enum Phase {
    /// Between requests, or within a head.
    case head
    case body(BodyReader)
    /// A handler has the request.
    case handling
    case answering(Answer)
    /// Nothing follows: close when `output` is written.
    case over
  }

  enum Answer {
    case whole
    case stream(ResponseStream, isChunked: Bool)
  }

  private(set) var phase = Phase.head
  /// Counts requests: an answer to an earlier one finds nobody.
  private(set) var sequence: UInt64 = 0
  /// When the current wait for the peer began: of a head its first byte, of a body its last.
  private(set) var waitingSince: Instant
  private(set) var isMidHead = false
  /// No request after this one.
  var isDraining = false

  private var scan = HeadScan()
  private var request: HTTPRequest?
  private var keepAlive = true
  private var isHead = false
  private var isHTTP10 = false
  private var heldBytes = 0
  private var body = ChunkQueue()
  private let limits: ServingLimits
  private let budget: BodyBudget

  init(limits: ServingLimits, budget: BodyBudget, at now: Instant) {
    self.limits = limits
    self.budget = budget
    waitingSince = now
  }

  /// True when a close harms nobody: no request begun, no answer under way.
  var isIdle: Bool {
    if case .head = phase { return !isMidHead }
    return false
  }

  var isOver: Bool {
    if case .over = phase { return true }
    return false
  }

  /// A peer that closed its side may still be waiting for the answer; but who listens to a stream keeps its side open.
  var mayAnswerHalfClosed: Bool {
    switch phase {
    case .handling, .answering(.whole): true
    case .head, .body, .answering(.stream), .over: false
    }
  }

  /// False when enough of what the peer pipelined waits already.
  func wantsInput(buffered: Int) -> Bool {
    switch phase {
    case .head, .body, .over: true
    case .handling, .answering: buffered < Self.readAhead
    }
  }

  /// What a peer may pipeline behind a request that is handled. Why: one read ahead is enough to find the next request or the
  /// connection's end. At the limit we stop reading.
  private static let readAhead = 16_384

  /// Takes what it can from `input`. Call again after `.request` only once it was answered.
  func next(
    _ input: inout ByteBuffer, _ output: inout ByteBuffer, head: inout RequestHead, peer: SocketAddress, at now: Instant
  ) -> Step {
    while true {
      switch phase {
      case .head:
        guard !input.isEmpty else { return .waiting }
        if let step = readHead(&input, &output, head: &head, peer: peer, at: now) { return step }
      case .body(var reader):
        let step = readBody(&reader, &input, &output, at: now)
        if case .body = phase { phase = .body(reader) }
        return step
      case .over:
        input.removeAll()
        return .waiting
      case .handling, .answering: return .waiting
      }
    }
  }

  // MARK: Head

  /// Nil when the head is complete and the body is to be read.
  private func readHead(
    _ input: inout ByteBuffer, _ output: inout ByteBuffer, head: inout RequestHead, peer: SocketAddress, at now: Instant
  ) -> Step? {
    if !isMidHead {
      isMidHead = true
      waitingSince = now
    }
    switch head.parse(input.span, limits: .standard, scan: &scan) {
    case .incomplete: return .waiting
    case .fault(let fault): return refuse(fault.status, fault.reason.description, &output)
    case .complete(let count):
      begin(head, input.span, peer)
      input.removeFirst(count)
      isMidHead = false
      waitingSince = now
    }
    if head.method == .connect { return refuse(405, "CONNECT is not served here.", &output) }
    if case .length(let length) = head.framing, length > UInt64(limits.bodyBytes) { return refuseBody(&output) }
    if head.expectsContinue && input.isEmpty { appendContinue(to: &output) }
    phase = .body(BodyReader(head.framing))
    return nil
  }

  private func begin(_ head: borrowing RequestHead, _ bytes: Span<UInt8>, _ peer: SocketAddress) {
    sequence &+= 1
    keepAlive = head.keepAlive
    isHead = head.method == .head
    isHTTP10 = head.minorVersion == 0
    var headers = HeaderList()
    let host = text(bytes, head.hostRange)
    if !host.isEmpty { headers.append("host", host) }
    for index in 0..<head.fields.count {
      let field = head.fields[index]
      if field.isHopByHop || field.name == .host { continue }
      headers.append(name: bytes.extracting(field.nameRange), value: bytes.extracting(field.valueRange))
    }
    var target = text(bytes, head.pathRange)
    if head.pathLead != 0 { target = String(UnicodeScalar(head.pathLead)) + target }
    request = HTTPRequest(method: text(bytes, head.methodRange), target: target, headers: headers, peer: peer)
  }

  private func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    var copy: [UInt8] = []
    copy.reserveCapacity(range.count)
    for index in range { copy.append(bytes[index]) }
    return String(decoding: copy, as: UTF8.self)
  }

  // MARK: Body

  private func readBody(
    _ reader: inout BodyReader, _ input: inout ByteBuffer, _ output: inout ByteBuffer, at now: Instant
  ) -> Step {
    while true {
      switch reader.next(input.span) {
      case .data(let start, let end, let consumed):
        waitingSince = now
        guard (request?.body.count ?? 0) + (end - start) <= limits.bodyBytes else { return refuseBody(&output) }
        guard budget.take(end - start) else { return refuse(503, "Too many request bodies at once.", &output) }
        heldBytes += end - start
        request?.body.append(contentsOf: input.span, in: start..<end)
        input.removeFirst(consumed)
      case .needMore(let consumed):
        input.removeFirst(consumed)
        return .waiting
      case .trailers(_, _, let consumed), .end(let consumed):
        // Trailers of a request mean nothing to our handlers.
        input.removeFirst(consumed)
        return dispatch()
      case .fault(let fault): return refuse(fault.status, fault.reason.description, &output)
      }
    }
  }

  private func dispatch() -> Step {
    phase = .handling
    guard let request else { return .waiting }
    self.request = nil
    return .request(request)
  }

  private func refuseBody(_ output: inout ByteBuffer) -> Step {
    refuse(413, "A request body may have \(limits.bodyBytes) bytes.", &output)
  }

  /// Answers a request that broke a rule; nothing that follows it can be trusted.
  func refuse(_ status: Int, _ detail: String, _ output: inout ByteBuffer, retryAfter: Int? = nil) -> Step {
    keepAlive = false
    var problem = HTTPResponse.problem(status, detail)
    if let retryAfter { problem.headers.append("retry-after", "\(retryAfter)") }
    write(problem, date: "", &output)
    return .refused
  }

  // MARK: Answers

  /// Queues the answer to request `sequence`; false when that one is not waited for.
  func respond(_ response: HTTPResponse, to sequence: UInt64, date: String, _ output: inout ByteBuffer) -> Bool {
    guard case .handling = phase, sequence == self.sequence else { return false }
    if isDraining { keepAlive = false }
    write(response.checked, date: date, &output)
    return true
  }

  private func write(_ response: HTTPResponse, date: String, _ output: inout ByteBuffer) {
    budget.giveBack(heldBytes)
    heldBytes = 0
    request = nil
    appendStatusLine(response.status, to: &output)
    appendFields(response, date, &output)
    switch response.body {
    case .bytes(let bytes):
      if !response.forbidsBody { appendField("content-length", bytes.count, to: &output) }
      if !isHead && !response.forbidsBody { body.append(bytes) }
      phase = .answering(.whole)
    case .stream(let stream) where isHead || response.forbidsBody:
      stream.close()
      phase = .answering(.whole)
    case .stream(let stream):
      if isHTTP10 { keepAlive = false } else { appendField("transfer-encoding", "chunked", to: &output) }
      phase = .answering(.stream(stream, isChunked: !isHTTP10))
    }
    if !keepAlive { appendField("connection", "close", to: &output) }
    if keepAlive && isHTTP10 { appendField("connection", "keep-alive", to: &output) }
    appendHeadEnd(to: &output)
  }

  private func appendFields(_ response: HTTPResponse, _ date: String, _ output: inout ByteBuffer) {
    for (name, value) in response.headers.fields where !HTTPResponse.isFraming(name) {
      // Checked before: this cannot refuse.
      _ = appendField(name: name, value: value, to: &output)
    }
    if !date.isEmpty { _ = appendField(name: "date", value: date, to: &output) }
  }

  /// Moves more of the answer to `output` until that holds `limit` bytes; to be called when there is room and when a stream
  /// has more. True when the answer is complete and the next request may be read.
  func fill(_ output: inout ByteBuffer, limit: Int, at now: Instant) -> Filled {
    guard case .answering(let answer) = phase else { return .more }
    if !body.isEmpty && output.count < limit { body.move(min(body.count, limit - output.count), to: &output) }
    guard body.isEmpty, output.count < limit else { return .more }
    switch answer {
    case .whole: return complete(at: now)
    case .stream(let stream, let isChunked):
      let taken = stream.take()
      if taken.isOverrun { return cut(stream) }
      for chunk in taken.chunks { append(chunk, isChunked, &output) }
      guard taken.isFinished else { return .more }
      if isChunked { appendLastChunk(to: &output) }
      stream.close()
      return complete(at: now)
    }
  }

  enum Filled {
    case more
    case complete
    /// The reader was too slow for its stream.
    case overrun
  }

  private func append(_ chunk: [UInt8], _ isChunked: Bool, _ output: inout ByteBuffer) {
    if isChunked { appendChunk(chunk.span, to: &output) } else { output.append(chunk) }
  }

  private func complete(at now: Instant) -> Filled {
    phase = keepAlive ? .head : .over
    waitingSince = now
    return .complete
  }

  private func cut(_ stream: ResponseStream) -> Filled {
    stream.close()
    phase = .over
    return .overrun
  }

  /// The connection is gone.
  func close() {
    if case .answering(.stream(let stream, _)) = phase { stream.close() }
    budget.giveBack(heldBytes)
    heldBytes = 0
    phase = .over
  }
}

extension [UInt8] {
  /// Appends the bytes of `range`.
  mutating func append(contentsOf span: Span<UInt8>, in range: Range<Int>) {
    reserveCapacity(Swift.max(count + range.count, capacity))
    for index in range { append(span[index]) }
  }
}
