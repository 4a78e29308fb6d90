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
    call.sequence = message.sequence
    call.isOneway = message.kind == .oneway
    guard settings.asksForTwitter else { return append(id, call, payload) }
    switch upgrade {
    case .known: append(id, call, body, dispatch)
    case .unasked:
      upgrade = .asked(id)
      call.waiting.append(body)
      var question = ByteBuffer()
      TwitterUpgrade.appendQuestion(to: &question)
      output.append(bigEndian: UInt64(question.count), width: 4)
      output.append(question.span)
    case .asked: throw .unexpected  // there is one call at a time
    }
  }

  private func append(_ id: Int32, _ call: Call, _ payload: Span<UInt8>) {
    output.append(bigEndian: UInt64(payload.count), width: 4)
    output.append(payload)
    call.isSent = true
    if call.isOneway { oneways.append(id) }
  }

  /// Writes a call to an endpoint that was asked for TTwitter.
  private func append(_ id: Int32, _ call: Call, _ body: Span<UInt8>, _ dispatch: MuxDispatch) {
    let payload = body.extracting(dispatch.payload...)
    guard isUpgraded else { return append(id, call, payload) }
    var header = TwitterHeaderWriter()
    for context in dispatch.contexts {
      let (key, value) = (body.extracting(context.first), body.extracting(context.second))
      if equals(key, TwitterTrace.contextName), let trace = TwitterTrace(context: value) { header.add(trace) }
      header.addContext(key, value)
    }
    for dentry in dispatch.delegations {
      header.addDelegation(body.extracting(dentry.first), body.extracting(dentry.second))
    }
    var message = ByteBuffer()
    header.write(destination: body.extracting(dispatch.destination), to: &message)
    message.append(payload)
    append(id, call, message.span)
  }

  /// The next message of the endpoint: what it says of TTwitter, or an answer.
  func takeThriftMessage(_ bytes: Span<UInt8>) throws(CallFault) {
    if case .asked(let id) = upgrade { return try takeUpgrade(bytes, waiting: id) }
    guard isUpgraded else { return try takeThriftAnswer(bytes) }
    let start: Int
    do throws(ThriftFault) { start = try TwitterUpgrade.answerStart(bytes) } catch { throw .thrift(error) }
    try takeThriftAnswer(bytes.extracting(start...))
  }

  /// Any answer but an exception agrees. The call that waited goes out.
  private func takeUpgrade(_ bytes: Span<UInt8>, waiting id: Int32) throws(CallFault) {
    do throws(ThriftFault) { isUpgraded = try ThriftMessage(bytes).kind == .reply } catch { throw .thrift(error) }
    upgrade = .known
    guard let call = calls[id] else { return }
    var request = ByteBuffer()
    swap(&request, &call.waiting)
    let body = request.span
    append(id, call, body, try read { () throws(MuxFault) in try MuxDispatch(body) })
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
    call.reply = CallReply(reply)
    let front = MuxReply.frontSize(hasContexts: true)
    appendAnswerHead(isFailure: isFailure(call.reply), bodyCount: front &+ payload.count, to: &call.text)
    MuxReply.append(.ok, hasContexts: true, to: &call.text)
    call.text.append(payload)
    call.isSent = false
    tell(id, .answer)
  }

  /// Whether an answer tells of the service failing.
  func isFailure(_ reply: CallReply) -> Bool {
    switch reply {
    case .value: false
    case .declared: settings.declaredExceptionsFail
    case .application, .error: true
    }
  }

  func read<Value>(_ body: () throws(MuxFault) -> Value) throws(CallFault) -> Value {
    do throws(MuxFault) { return try body() } catch { throw .mux(error) }
  }
}
