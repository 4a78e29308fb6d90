import HTTP
import Memory
import Mux
import Thrift

// A caller's Thrift connection: frames become calls, answers become frames.

extension CallSession {
  func takeThriftCall(_ bytes: Span<UInt8>) throws(CallFault) {
    var header: TwitterHeader?
    var form = ThriftCall()
    let (message, start): (ThriftMessage, Int)
    do throws(ThriftFault) {
      if isUpgraded { header = try TwitterHeader(bytes) }
      start = header?.end ?? 0
      message = try front(bytes, at: start, &form)
    } catch .transform(let id) {
      return refuseTransform(id, bytes, at: header?.end ?? 0)
    } catch { throw .thrift(error) }
    guard message.kind == .call || message.kind == .oneway else { throw .unexpected }
    form.encoding = message.encoding
    form.method = bytes.copy(message.method)
    form.sequence = message.sequence
    form.isOneway = message.kind == .oneway
    if !isUpgraded, TwitterUpgrade.isAsked(message, bytes) { return upgrade(message, bytes, form) }
    begin(form, header, bytes, payload: start)
  }

  /// Reads the front of a message, which may be in a frame of the header transport.
  private func front(_ bytes: Span<UInt8>, at start: Int, _ form: inout ThriftCall) throws(ThriftFault) -> ThriftMessage
  {
    let rest = bytes.extracting(start...)
    guard ThriftHeaderFrame.isOne(rest) else { return try ThriftMessage(bytes, at: start) }
    let frame = try ThriftHeaderFrame(rest)
    form.headerSequence = frame.sequence
    return try ThriftMessage(bytes, at: start &+ frame.message)
  }

  private func begin(_ form: ThriftCall, _ header: TwitterHeader?, _ bytes: Span<UInt8>, payload: Int) {
    var head = CallHead(method: form.method, methodInName: settings.methodInName)
    var body = ByteBuffer()
    let contexts = header?.contexts ?? []
    body.append(bigEndian: UInt64(contexts.count), width: 2)
    for context in contexts {
      body.append(counted: bytes.extracting(context.first), width: 2)
      body.append(counted: bytes.extracting(context.second), width: 2)
    }
    if let header { head.destination = bytes.copy(header.destination) }
    body.append(counted: head.destination.span, width: 2)
    let delegations = header?.delegations ?? []
    body.append(bigEndian: UInt64(delegations.count), width: 2)
    for dentry in delegations {
      body.append(counted: bytes.extracting(dentry.first), width: 2)
      body.append(counted: bytes.extracting(dentry.second), width: 2)
      head.delegate(bytes.extracting(dentry.first), bytes.extracting(dentry.second))
    }
    body.append(bytes.extracting(payload...))
    begin(.thrift(form), head, body)
  }

  /// A call is there with all that its text says.
  func begin(_ form: CallForm, _ head: CallHead, _ body: borrowing ByteBuffer) {
    let (id, call) = add(form)
    call.held = body.count
    heldBytes &+= body.count
    if case .mux(let mux) = form { byTag[mux.tag] = id }
    guard head.isPlain else { return tell(id, .malformed("destination, method or delegations are no text of a path")) }
    head.write(bodyCount: body.count, to: &call.text)
    call.text.append(body.span)
    tell(id, .call)
  }

  private func upgrade(_ asked: ThriftMessage, _ bytes: Span<UInt8>, _ form: ThriftCall) {
    var answer = ByteBuffer()
    TwitterUpgrade.appendAgreement(asked, bytes, to: &answer)
    appendFrame(answer, to: form)
    isUpgraded = true
  }

  /// The message cannot be read, but the front of its frame says how to answer.
  private func refuseTransform(_ id: UInt32, _ bytes: Span<UInt8>, at start: Int) {
    var cursor = ByteCursor(at: start &+ 4)
    guard let sequence = cursor.number(4, bytes), cursor.number(2, bytes) != nil, let encoding = cursor.byte(bytes)
    else {
      return fail(.thrift(.truncated))
    }
    let number = UInt32(truncatingIfNeeded: sequence)
    let form = ThriftCall(
      encoding: encoding == 2 ? .compact : .binary, method: [], sequence: Int32(bitPattern: number),
      headerSequence: number)
    appendException(.protocolError, ThriftFault.transform(id).reason, to: form)
  }

  // MARK: Answers

  /// The answer's text is complete.
  func answerThrift(_ form: ThriftCall, _ message: borrowing OwnMessage) {
    if form.isOneway { return }
    guard message.isCall else { return appendException(.internalError, message.reason, to: form) }
    do throws(MuxFault) {
      let reply = try MuxReply(message.body.span, hasContexts: true)
      let payload = message.body.span.extracting(reply.payload...)
      guard reply.status == .ok else {
        return appendException(
          .internalError, String(decoding: payload.copy(0..<payload.count), as: UTF8.self), to: form)
      }
      appendFrame(payload, to: form)
    } catch {
      appendException(.internalError, error.reason, to: form)
    }
  }

  private func appendException(_ type: ThriftErrorType, _ text: String, to form: ThriftCall) {
    var answer = ByteBuffer()
    appendApplicationException(
      type, text, method: form.method.span, sequence: form.sequence, as: form.encoding, to: &answer)
    appendFrame(answer, to: form)
  }

  private func appendFrame(_ message: borrowing ByteBuffer, to form: ThriftCall) { appendFrame(message.span, to: form) }

  /// Writes a frame as the caller expects it: behind TTwitter's header, in the header transport.
  private func appendFrame(_ message: Span<UInt8>, to form: ThriftCall) {
    var front = ByteBuffer()
    if isUpgraded { TwitterUpgrade.appendResponseHeader(to: &front) }
    if let sequence = form.headerSequence, !ThriftHeaderFrame.isOne(message) {
      ThriftHeaderFrame.append(sequence: sequence, encoding: form.encoding, to: &front)
    }
    output.append(bigEndian: UInt64(front.count &+ message.count), width: 4)
    output.append(front.span)
    output.append(message)
  }
}

extension Span<UInt8> {
  func copy(_ range: Range<Int>) -> [UInt8] {
    [UInt8](capacity: range.count) { output in
      for i in range { output.append(self[i]) }
    }
  }
}

extension OwnMessage {
  /// What the proxy's own answer says, for who cannot read its head.
  var reason: String {
    let text = String(decoding: body.span.copy(0..<body.count), as: UTF8.self)
    let name = String(decoding: fault, as: UTF8.self)
    let said = text.hasSuffix("\n") ? String(text.dropLast()) : text
    if name.isEmpty { return said.isEmpty ? "the call failed in the mesh (\(status))" : said }
    return "\(name): \(said)"
  }
}
