import HTTP
import Memory
import Mux
import Thrift

// A connection to an endpoint that speaks Thrift: one call at a time.

extension CallSession {
  /// The request's text is complete: its message goes out as it came.
  func sendThrift(_ id: Int32, _ call: Call, _ request: borrowing OwnMessage) throws(CallFault) {
    let body = request.body.span
    let dispatch = try read { () throws(MuxFault) in try MuxDispatch(body) }
    let payload = body.extracting(dispatch.payload...)
    let message: ThriftMessage
    do throws(ThriftFault) { message = try thriftMessage(payload) } catch { throw .thrift(error) }
    output.append(bigEndian: UInt64(payload.count), width: 4)
    output.append(payload)
    call.isSent = true
    call.sequence = message.sequence
    if message.kind == .oneway { oneways.append(id) }
  }

  /// The front of a message that may be in a frame of the header transport.
  func thriftMessage(_ payload: Span<UInt8>) throws(ThriftFault) -> ThriftMessage {
    guard ThriftHeaderFrame.isOne(payload) else { return try ThriftMessage(payload) }
    return try ThriftMessage(payload, at: ThriftHeaderFrame(payload).message)
  }

  /// Nobody answers these; the caller's side learns that they have left.
  func answerOneways() {
    for id in oneways {
      guard let call = calls[id] else { continue }
      appendAnswerHead(isFailure: false, bodyCount: MuxReply.frontSize(hasContexts: true), to: &call.text)
      MuxReply.append(.ok, hasContexts: true, to: &call.text)
      tell(id, .answer)
      call.isSent = false  // nothing of it is outstanding
    }
    oneways = []
  }

  /// Answers come in order, and say so: an answer to another call means that the connection is out of step.
  func takeThriftAnswer(_ payload: Span<UInt8>) throws(CallFault) {
    guard let (id, call) = calls.first, call.isSent, call.text.isEmpty, !oneways.contains(id) else { throw .unexpected }
    let (message, reply): (ThriftMessage, ThriftReply)
    do throws(ThriftFault) {
      message = try thriftMessage(payload)
      reply = try ThriftReply(message, payload)
    } catch { throw .thrift(error) }
    guard message.sequence == call.sequence else { throw .unexpected }
    let isFailure = isFailure(reply)
    let front = MuxReply.frontSize(hasContexts: true)
    appendAnswerHead(isFailure: isFailure, bodyCount: front &+ payload.count, to: &call.text)
    MuxReply.append(.ok, hasContexts: true, to: &call.text)
    call.text.append(payload)
    call.isSent = false
    tell(id, .answer)
  }

  /// Whether an answer tells of the service failing.
  func isFailure(_ reply: ThriftReply) -> Bool {
    switch reply {
    case .success: false
    case .declared: settings.declaredExceptionsFail
    case .application: true
    }
  }

  func read<Value>(_ body: () throws(MuxFault) -> Value) throws(CallFault) -> Value {
    do throws(MuxFault) { return try body() } catch { throw .mux(error) }
  }
}
