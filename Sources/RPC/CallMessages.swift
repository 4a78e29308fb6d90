import HTTP
import Memory

// Text goes in piece by piece, as it comes from the other side of the proxy; when it is complete, it is sent.

extension CallSession {
  /// Takes the next piece of the text of an answer to a caller.
  public func takeAnswer(_ id: Int32, _ text: Span<UInt8>) {
    guard role == .server, let call = calls[id] else { return }
    guard call.message.take(text, limit: settings.messageLimit) else {
      tell(id, .closed)
      return forget(id)
    }
    guard call.message.isDone else { return }
    var answer = OwnMessage()
    swap(&answer, &call.message)
    switch call.form {
    case .thrift(let form): answerThrift(form, answer)
    case .mux(let form): answerMux(form, answer)
    }
    close(id)
  }

  /// Begins a call to an endpoint; nil when the connection takes none.
  public func submit(tag: UInt64) -> Int32? {
    guard role == .client, takesCalls else { return nil }
    let form: CallForm
    if case .mux = wire {
      guard let free = freeTag() else { return nil }
      form = .mux(MuxCall(tag: free))
    } else {
      form = .thrift(ThriftCall())
    }
    let (id, call) = add(form)
    call.tag = tag
    if case .mux(let mux) = form { byTag[mux.tag] = id }
    return id
  }

  /// Takes the next piece of a request's text. Returns whether the request is complete, and nil for one that cannot be sent.
  public func takeRequest(_ id: Int32, _ text: Span<UInt8>) -> Bool? {
    guard role == .client, let call = calls[id] else { return nil }
    guard call.message.take(text, limit: settings.messageLimit) else { return nil }
    guard call.message.isDone else { return false }
    var request = OwnMessage()
    swap(&request, &call.message)
    do throws(CallFault) {
      switch call.form {
      case .thrift: try sendThrift(id, call, request)
      case .mux(let form): try sendMux(form, call, request)
      }
      return true
    } catch { return nil }
  }
}
