import HTTP2
import Memory
import SystemIO

/// The server's side of one HTTP/2 connection, without its socket. Requests are handled side by side.
final class HTTP2Conversation {
  enum Step {
    case request(HTTPRequest, exchange: Handle)
    /// The request broke a rule; its answer is queued.
    case refused
  }

  private enum Phase {
    case receiving(HTTPRequest)
    case handling
    case answering
    case streaming(ResponseStream)
  }

  private struct Exchange {
    let stream: Int32
    var phase: Phase
    var isHead = false
    var heldBytes = 0
    /// When the peer last moved this exchange on: sent of its body, or took of the answer.
    var movedAt: Instant
    var queued = 0
    /// Bytes of the request's rest that we still pass over after an early answer.
    var tolerated = 0
  }

  /// Bytes of a refused request's rest that are read and dropped before the stream is reset. Why: curl 7 takes a reset for a failure
  /// and does not show the answer; beyond it the peer's upload is not worth our time.
  private static let toleratedBytes = 1 << 20

  let session: HTTP2Session
  private var exchanges = Slab<Exchange>()
  private let limits: ServingLimits
  private let budget: BodyBudget
  private let peer: SocketAddress

  init(limits: ServingLimits, budget: BodyBudget, peer: SocketAddress, storage: FieldStorage, at now: Instant) {
    var settings = HTTP2Settings()
    settings.concurrentStreams = UInt32(clamping: limits.concurrentStreams)
    session = HTTP2Session(role: .server, settings: settings, storage: storage, at: now.milliseconds)
    self.limits = limits
    self.budget = budget
    self.peer = peer
  }

  var isIdle: Bool { exchanges.isEmpty }

  /// Acts on the next events of the session up to a request to be handled; nil when there are no more. `input` is what the
  /// session received.
  func next(_ input: Span<UInt8>, at now: Instant) -> Step? {
    while let event = session.nextEvent() {
      let handle = Handle(bits: event.tag)
      switch event.kind {
      case .request(let fields, _):
        if let step = begin(fields, event, at: now) { return step }
      case .tooLarge where exchanges.contains(handle) == false:
        return refuseUnread(event.stream, .problem(431, "The request's fields are too large."))
      case .data(let range):
        session.consume(event.stream, range.count)
        if let step = received(input, range, handle, at: now) { return step }
      case .ended:
        if let step = ended(handle) { return step }
      case .endWritten: endWritten(event.stream, handle)
      case .closed: closed(handle)
      default: break
      }
    }
    return nil
  }

  // MARK: Requests

  private func begin(_ fields: HeaderList, _ event: HTTP2Event, at now: Instant) -> Step? {
    var headers = HeaderList()
    // The session has checked that the pseudo-fields are there, once each and well formed.
    let authority = fields[":authority"] ?? fields["host"]
    if let authority { headers.append("host", authority) }
    for (name, value) in fields.fields where !name.hasPrefix(":") && name != "host" { headers.append(name, value) }
    let method = fields[":method"] ?? ""
    let request = HTTPRequest(method: method, target: fields[":path"] ?? "/", headers: headers, peer: peer)
    let handle = exchanges.insert(
      Exchange(stream: event.stream, phase: .receiving(request), isHead: method == "HEAD", movedAt: now))
    session.setTag(handle.bits, on: event)
    if fields["content-type"]?.hasPrefix("application/grpc") == true {
      // A proxy at the wrong door: its request has no end, so it is told now.
      return refuse(
        handle, .problem(415, "This is the REST port; gRPC is spoken on the mesh port, 4321 by default."), tolerating: 0
      )
    }
    let length = fields["content-length"].flatMap { Int($0) } ?? 0
    return length > limits.bodyBytes ? refuseBody(handle) : nil
  }

  private func refuseBody(_ handle: Handle) -> Step {
    refuse(handle, .problem(413, "A request body may have \(limits.bodyBytes) bytes."), tolerating: Self.toleratedBytes)
  }

  private func received(_ input: Span<UInt8>, _ range: Range<Int>, _ handle: Handle, at now: Instant) -> Step? {
    guard exchanges.contains(handle) else { return nil }
    exchanges[handle].movedAt = now
    guard case .receiving(var request) = exchanges[handle].phase else {
      passOver(range.count, handle)
      return nil
    }
    exchanges[handle].phase = .handling  // so that the body has one owner while it grows
    guard request.body.count + range.count <= limits.bodyBytes else { return refuseBody(handle) }
    guard budget.take(range.count) else {
      return refuse(handle, .problem(503, "Too many request bodies at once."), tolerating: Self.toleratedBytes)
    }
    request.body.append(contentsOf: input, in: range)
    exchanges[handle].heldBytes += range.count
    exchanges[handle].phase = .receiving(request)
    return nil
  }

  private func passOver(_ count: Int, _ handle: Handle) {
    exchanges[handle].tolerated -= count
    if exchanges[handle].tolerated < 0 { session.reset(exchanges[handle].stream, .noError) }
  }

  private func ended(_ handle: Handle) -> Step? {
    guard exchanges.contains(handle), case .receiving(let request) = exchanges[handle].phase else { return nil }
    exchanges[handle].phase = .handling
    return .request(request, exchange: handle)
  }

  /// Answers before the request is whole, and passes over so many bytes of its rest.
  private func refuse(_ handle: Handle, _ response: HTTPResponse, tolerating bytes: Int) -> Step {
    exchanges[handle].phase = .handling
    exchanges[handle].tolerated = bytes
    _ = respond(response, to: handle, date: "")
    return .refused
  }

  private func refuseUnread(_ stream: Int32, _ response: HTTPResponse) -> Step {
    session.submitResponse(stream, fields(of: response, date: ""), endStream: false)
    session.send(stream, response.bytes ?? [], endStream: true)
    return .refused
  }

  /// An answer that came before the end of its request is out: the peer may stop sending (RFC 9113 §8.1).
  private func endWritten(_ stream: Int32, _ handle: Handle) {
    if !exchanges.contains(handle) || exchanges[handle].tolerated == 0 { session.reset(stream, .noError) }
  }

  private func closed(_ handle: Handle) {
    guard exchanges.contains(handle) else { return }
    let exchange = exchanges.remove(handle)
    budget.giveBack(exchange.heldBytes)
    if case .streaming(let stream) = exchange.phase { stream.close() }
  }

  // MARK: Answers

  /// Queues the answer of an exchange; false when that one is not waited for.
  func respond(_ response: HTTPResponse, to handle: Handle, date: String) -> Bool {
    guard exchanges.contains(handle), case .handling = exchanges[handle].phase else { return false }
    let response = response.checked
    let stream = exchanges[handle].stream
    budget.giveBack(exchanges[handle].heldBytes)
    exchanges[handle].heldBytes = 0
    let fields = fields(of: response, date: date)
    let hasBody = !exchanges[handle].isHead && !response.forbidsBody
    exchanges[handle].phase = .answering
    switch response.body {
    case .bytes(let bytes) where hasBody && !bytes.isEmpty:
      session.submitResponse(stream, fields, endStream: false)
      session.send(stream, bytes, endStream: true)
    case .stream(let body) where hasBody:
      session.submitResponse(stream, fields, endStream: false)
      exchanges[handle].phase = .streaming(body)
    case .stream(let body):
      body.close()
      session.submitResponse(stream, fields, endStream: true)
    case .bytes: session.submitResponse(stream, fields, endStream: true)
    }
    return true
  }

  private func fields(of response: HTTPResponse, date: String) -> HeaderList {
    var fields = HeaderList([(":status", "\(response.status)")])
    for (name, value) in response.headers.fields where !HTTPResponse.isFraming(name) { fields.append(name, value) }
    if let bytes = response.bytes, !response.forbidsBody { fields.append("content-length", "\(bytes.count)") }
    if !date.isEmpty { fields.append("date", date) }
    return fields
  }

  struct Filled {
    /// Something was queued: it is worth writing, and asking again after.
    var hasMoved = false
    /// Streams cut off because their readers were too slow.
    var overruns = 0
  }

  /// Takes more of the streams whose readers keep up.
  func fillStreams() -> Filled {
    var filled = Filled()
    for index in 0..<exchanges.slotCount {
      guard let handle = exchanges.handle(at: index) else { continue }
      guard case .streaming(let body) = exchanges[handle].phase else { continue }
      guard session.queuedBytes(exchanges[handle].stream) < limits.outputBytes else { continue }
      fill(handle, body, &filled)
    }
    return filled
  }

  private func fill(_ handle: Handle, _ body: ResponseStream, _ filled: inout Filled) {
    let stream = exchanges[handle].stream
    let taken = body.take()
    if taken.isOverrun {
      filled.overruns += 1
      session.reset(stream, .cancel)
      return finish(handle, body)
    }
    for chunk in taken.chunks { session.send(stream, chunk) }
    filled.hasMoved = filled.hasMoved || !taken.chunks.isEmpty || taken.isFinished
    if taken.isFinished {
      session.send(stream, [], endStream: true)
      finish(handle, body)
    }
  }

  private func finish(_ handle: Handle, _ body: ResponseStream) {
    exchanges[handle].phase = .answering
    body.close()
  }

  // MARK: Slow peers

  /// Ends exchanges whose peer neither sends nor takes; returns how many. To be called every few seconds.
  func expire(at now: Instant) -> Int {
    var expired = 0
    for index in 0..<exchanges.slotCount {
      guard let handle = exchanges.handle(at: index) else { continue }
      let queued = session.queuedBytes(exchanges[handle].stream)
      let waitsForUs = queued == 0 && !isReceiving(handle) && exchanges[handle].tolerated == 0
      if queued < exchanges[handle].queued || waitsForUs { exchanges[handle].movedAt = now }
      exchanges[handle].queued = queued
      if expire(handle, after: now - exchanges[handle].movedAt) { expired += 1 }
    }
    return expired
  }

  private func expire(_ handle: Handle, after silence: Duration) -> Bool {
    if isReceiving(handle) && silence >= limits.bodyTimeout {
      _ = refuse(handle, .problem(408, "The request's body did not come."), tolerating: 0)
      return true
    }
    if silence < limits.writeTimeout { return false }
    session.reset(exchanges[handle].stream, .cancel)
    return true
  }

  private func isReceiving(_ handle: Handle) -> Bool {
    if case .receiving = exchanges[handle].phase { return true }
    return false
  }

  /// The connection is gone.
  func close() {
    for index in 0..<exchanges.slotCount {
      if let handle = exchanges.handle(at: index) { closed(handle) }
    }
  }
}
