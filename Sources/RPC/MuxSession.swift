import HTTP
import Memory
import Mux
import Thrift

// A Mux session, from a caller or to an endpoint. Both sides may ask: most of it is the same.

extension CallSession {
  func takeMux(_ bytes: Span<UInt8>) throws(CallFault) {
    let frame = try read { () throws(MuxFault) in try MuxFrame(bytes) }
    let body = bytes.extracting(MuxFrame.headSize...)
    if frame.isFragment || assembler.isUnderWay(frame.tag) && frame.type?.isInParts == true {
      let whole = try read { () throws(MuxFault) in try assembler.take(frame, body) }
      guard let whole else { return }
      return try takeMux(frame, whole.span)
    }
    try takeMux(frame, body)
  }

  private func takeMux(_ frame: MuxFrame, _ body: Span<UInt8>) throws(CallFault) {
    switch frame.type {
    case .dispatch, .request:
      guard role == .server else { return appendControl(.error, tag: frame.tag, "no calls are taken here") }
      try takeMuxCall(frame, body)
    case .dispatchReply, .requestReply: try takeMuxAnswer(frame, body)
    case .error: try takeError(frame, body)
    case .ping: appendControl(.pingReply, tag: frame.tag)
    case .initialize: try takeInit(frame, body)
    case .drain:
      peerDrains = true
      appendControl(.drainReply, tag: frame.tag)
    case .drainReply: drainIsHeard = true
    case .lease:
      let lease = try read { () throws(MuxFault) in try muxLeaseMilliseconds(body) }
      if let lease { hasLease = lease > 0 }
    case .discarded:
      let tag = try read { () throws(MuxFault) in try muxDiscardedTag(body) }
      guard role == .server, let id = byTag[tag], let call = calls[id], !call.isDiscarded else { return }
      call.isDiscarded = true
      tell(id, .discarded)
    case .pingReply, .discardedReply, .initializeReply: break
    case nil:
      if Int8(bitPattern: frame.wireType) > 0 { appendControl(.error, tag: frame.tag, "unknown type of message") }
    }
  }

  /// Without parameters: fragments and TLS are not agreed to.
  private func takeInit(_ frame: MuxFrame, _ body: Span<UInt8>) throws(CallFault) {
    guard role == .server else { return appendControl(.error, tag: frame.tag, "a server does not begin") }
    let asked = try read { () throws(MuxFault) in try MuxInit(body) }
    MuxFrame.append(.initializeReply, tag: frame.tag, bodyCount: 2, to: &output)
    output.append(bigEndian: UInt64(min(asked.version, MuxInit.version)), width: 2)
  }

  /// A caller asks with an Rerr of its own whether Tinit is known: it gets it back. From an endpoint it is the end of a call.
  private func takeError(_ frame: MuxFrame, _ body: Span<UInt8>) throws(CallFault) {
    switch role {
    case .server: if equals(body, "tinit check") { appendControl(.error, tag: frame.tag, "tinit check") }
    case .client:
      guard let (id, call) = answered(frame.tag) else { return }
      answer(id, call, .error, body)
    }
  }

  // MARK: Calls of a caller

  private func takeMuxCall(_ frame: MuxFrame, _ body: Span<UInt8>) throws(CallFault) {
    guard frame.tag != 0, byTag[frame.tag] == nil else { throw .unexpected }
    let form = MuxCall(tag: frame.tag, isOldRequest: frame.type == .request)
    if calls.count >= settings.concurrentCalls { return appendReply(.nack, "too many calls at once", to: form) }
    var head = CallHead(methodInName: settings.methodInName)
    var dispatch = ByteBuffer()
    do throws(MuxFault) {
      if form.isOldRequest {
        let request = try MuxRequest(body)
        MuxDispatch.append(destination: head.destination.span, to: &dispatch)
        dispatch.append(body.extracting(request.payload...))
      } else {
        dispatch.append(body)
      }
      let read = try MuxDispatch(dispatch.span)
      head.destination = dispatch.span.copy(read.destination)
      for dentry in read.delegations {
        head.delegate(dispatch.span.extracting(dentry.first), dispatch.span.extracting(dentry.second))
      }
      if speaks == .thriftMux { head.method = method(dispatch.span.extracting(read.payload...)) ?? [] }
    } catch {
      return appendReply(.error, error.reason, to: form)
    }
    if speaks == .thriftMux, head.method.isEmpty {
      return appendReply(.error, "the payload is no Thrift call", to: form)
    }
    begin(.mux(form), head, dispatch)
  }

  private func method(_ payload: Span<UInt8>) -> [UInt8]? {
    do throws(ThriftFault) {
      let message = try thriftMessage(payload)
      guard message.kind == .call || message.kind == .oneway else { return nil }
      return payload.copy(message.method)
    } catch { return nil }
  }

  /// The answer's text is complete.
  func answerMux(_ form: MuxCall, _ message: borrowing OwnMessage) {
    guard message.isCall else {
      return appendReply(message.isRetryable || message.status == 503 ? .nack : .error, message.reason, to: form)
    }
    if form.isOldRequest {
      do throws(MuxFault) {
        let reply = try MuxReply(message.body.span, hasContexts: true)
        let payload = message.body.span.extracting(reply.payload...)
        MuxFrame.append(.requestReply, tag: form.tag, bodyCount: 1 &+ payload.count, to: &output)
        MuxReply.append(reply.status, hasContexts: false, to: &output)
        output.append(payload)
      } catch { appendReply(.error, error.reason, to: form) }
    } else {
      MuxFrame.append(.dispatchReply, tag: form.tag, bodyCount: message.body.count, to: &output)
      output.append(message.body.span)
    }
  }

  func appendReply(_ status: MuxStatus, _ text: String, to form: MuxCall) {
    let hasContexts = !form.isOldRequest
    let count = MuxReply.frontSize(hasContexts: hasContexts) &+ text.utf8.count
    MuxFrame.append(hasContexts ? .dispatchReply : .requestReply, tag: form.tag, bodyCount: count, to: &output)
    MuxReply.append(status, hasContexts: hasContexts, to: &output)
    output.append(text)
  }

  func appendControl(_ type: MuxType, tag: UInt32, _ text: String = "") {
    MuxFrame.append(type, tag: tag, bodyCount: text.utf8.count, to: &output)
    output.append(text)
  }

  // MARK: Calls to an endpoint

  /// The request's text is complete.
  func sendMux(_ form: MuxCall, _ call: Call, _ request: borrowing OwnMessage) throws(CallFault) {
    let body = request.body.span
    let dispatch = try read { () throws(MuxFault) in try MuxDispatch(body) }
    let payload = body.extracting(dispatch.payload...)
    // Mux carries a bare message: the header transport is one of its own.
    var skipped = 0
    if speaks == .thriftMux, ThriftHeaderFrame.isOne(payload) {
      do throws(ThriftFault) { skipped = try ThriftHeaderFrame(payload).message } catch { throw .thrift(error) }
    }
    MuxFrame.append(.dispatch, tag: form.tag, bodyCount: body.count &- skipped, to: &output)
    output.append(body.extracting(0..<dispatch.payload))
    output.append(payload.extracting(skipped...))
    call.isSent = true
  }

  /// The call that has this tag of ours, if its answer is still waited for; the tag is free again.
  private func answered(_ tag: UInt32) -> (Int32, Call)? {
    if discardedTags.remove(tag) != nil { return nil }
    guard let id = byTag[tag], let call = calls[id], call.isSent else { return nil }
    return (id, call)
  }

  private func takeMuxAnswer(_ frame: MuxFrame, _ body: Span<UInt8>) throws(CallFault) {
    guard role == .client, let (id, call) = answered(frame.tag) else { return }
    let reply = try read { () throws(MuxFault) in try MuxReply(body, hasContexts: frame.type == .dispatchReply) }
    if reply.status == .nack {
      call.isSent = false
      return tell(id, .refused)
    }
    let payload = body.extracting(reply.payload...)
    if frame.type == .requestReply || reply.status == .error { return answer(id, call, reply.status, payload) }
    call.reply = carried(payload)
    appendAnswerHead(isFailure: isFailure(call.reply), bodyCount: body.count, to: &call.text)
    call.text.append(body)
    call.isSent = false
    tell(id, .answer)
  }

  private func answer(_ id: Int32, _ call: Call, _ status: MuxStatus, _ payload: Span<UInt8>) {
    call.reply = status == .ok ? .value : .error
    let front = MuxReply.frontSize(hasContexts: true)
    appendAnswerHead(isFailure: status != .ok, bodyCount: front &+ payload.count, to: &call.text)
    MuxReply.append(status, hasContexts: true, to: &call.text)
    call.text.append(payload)
    call.isSent = false
    tell(id, .answer)
  }

  /// What is carried is looked at where it is known to be Thrift.
  private func carried(_ payload: Span<UInt8>) -> CallReply {
    guard speaks == .thriftMux else { return .value }
    do throws(ThriftFault) { return CallReply(try ThriftReply(thriftMessage(payload), payload)) } catch {
      return .error
    }
  }

  /// Tells the endpoint that nobody waits. The tag is not free before it has answered all the same.
  func discard(_ tag: UInt32) {
    discardedTags.insert(tag)
    let why = "given up"
    MuxFrame.append(.discarded, tag: 0, bodyCount: 3 &+ why.utf8.count, to: &output)
    output.append(bigEndian: UInt64(tag), width: 3)
    output.append(why)
  }

  /// The smallest tag that is free.
  func freeTag() -> UInt32? {
    var tag: UInt32 = 1
    while byTag[tag] != nil || discardedTags.contains(tag) {
      tag += 1
      if tag >= Self.controlTag { return nil }
    }
    return tag
  }
}

extension MuxType {
  /// Messages that may come in fragments.
  fileprivate var isInParts: Bool {
    switch self {
    case .request, .requestReply, .dispatch, .dispatchReply, .error: true
    default: false
    }
  }
}
