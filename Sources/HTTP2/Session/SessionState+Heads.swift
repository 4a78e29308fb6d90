import Memory

// Heads and the end, as the driver asks for them. A head is encoded when it is submitted: frames go out in that order, as HPACK needs.
extension SessionState {
  mutating func submitRequest(_ list: HeaderList, _ endStream: Bool, _ tag: UInt64) -> Int32? {
    guard let slot = openRequest(tag: tag, list.ownMethod) else { return nil }
    let start = beginHead(streams[slot].id)
    writeFields(list)
    return finishRequest(slot, start, endStream)
  }

  mutating func submitRequest(_ head: OwnHeadText, of text: Span<UInt8>, _ endStream: Bool, _ tag: UInt64) -> Int32? {
    guard let slot = openRequest(tag: tag, head.ownMethod(text)) else { return nil }
    let start = beginHead(streams[slot].id)
    head.encode(of: text, by: &encoder, into: &frames)
    return finishRequest(slot, start, endStream)
  }

  private mutating func finishRequest(_ slot: Handle, _ start: Int, _ endStream: Bool) -> Int32 {
    let id = streams[slot].id
    finishHead(slot, start, endStream: endStream)
    return id
  }

  mutating func submitResponse(_ stream: Int32, _ list: HeaderList, _ endStream: Bool) -> Bool {
    guard let slot = slotForHead(stream) else { return false }
    let start = beginHead(stream)
    writeFields(list)
    finishHead(slot, start, endStream: endStream)
    return true
  }

  mutating func submitResponse(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>, _ endStream: Bool) {
    guard let slot = slotForHead(stream) else { return }
    let start = beginHead(stream)
    head.encode(of: text, by: &encoder, into: &frames)
    finishHead(slot, start, endStream: endStream)
  }

  mutating func submitInformational(_ stream: Int32, _ list: HeaderList) -> Bool {
    guard slotForHead(stream) != nil else { return false }
    let start = beginHead(stream)
    writeFields(list)
    finishInformational(stream, start)
    return true
  }

  mutating func submitInformational(_ stream: Int32, _ head: OwnHeadText, of text: Span<UInt8>) {
    guard slotForHead(stream) != nil else { return }
    let start = beginHead(stream)
    head.encode(of: text, by: &encoder, into: &frames)
    finishInformational(stream, start)
  }

  // MARK: The connection

  mutating func announceShutdown() {
    if !hasSaidGoAway { writeGoAway(.max, .noError) }  // what was said may not be taken back (RFC 9113 §6.8)
  }

  mutating func goAway(_ code: HTTP2ErrorCode) {
    lastAccepted = lastPeerStream
    hasSaidGoAway = true
    writeGoAway(lastPeerStream, code)
  }

  mutating func ping(_ payload: UInt64) {
    if !isTerminated { writePing(payload, []) }
  }
}

extension HeaderList {
  fileprivate var ownMethod: Stream.Method {
    guard let method = entries.first(where: { $0.kind == .method }) else { return .other }
    return Stream.Method(bytes.span.extracting(method.value))
  }
}

extension OwnHeadText {
  fileprivate func ownMethod(_ text: Span<UInt8>) -> Stream.Method {
    switch first {
    case .request(let method, _, _): Stream.Method(text.extracting(method))
    case .connect: .connect
    case .answer, .tunnel: .other
    }
  }
}

extension Stream.Method {
  fileprivate init(_ name: Span<UInt8>) {
    self = equals(name, "HEAD") ? .head : equals(name, "CONNECT") ? .connect : .other
  }
}
