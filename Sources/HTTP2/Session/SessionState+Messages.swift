import Memory

// Frames that carry field lists (RFC 9113 §6.2, §6.10), and what the lists say.
extension SessionState {
  mutating func takeHeaders(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream != 0 else { return breakOff(.protocolError) }
    var start = 0
    var end = payload.count
    if header.flags.contains(.padded) {
      guard end > 0 else { return breakOff(.frameSizeError) }
      start = 1
      end &-= Int(payload[0])
    }
    if header.flags.contains(.priority) {
      guard start &+ 5 <= payload.count else { return breakOff(.frameSizeError) }
      if dependsOnItself(header, payload, at: start) { return breakOff(.protocolError) }
      start &+= 5
    }
    guard start <= end else { return breakOff(.protocolError) }
    let block = payload.extracting(start..<end)
    if header.flags.contains(.endHeaders) { return takeBlock(header, block) }
    reader.headers = header
    reader.continuations = 0
    reader.blockSince = now
    reader.block.append(block)
  }

  mutating func takeContinuation(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard let headers = reader.headers else { return breakOff(.protocolError) }
    reader.continuations += 1
    guard reader.continuations <= settings.continuations else { return fail(.flood(.continuations)) }
    reader.block.append(payload)
    guard header.flags.contains(.endHeaders) else { return }
    reader.headers = nil
    let block = reader.takeBlock()
    takeBlock(headers, block.span)
  }

  /// Acts on a complete field block. It is decoded whatever becomes of it: the table is the connection's.
  private mutating func takeBlock(_ header: FrameHeader, _ block: Span<UInt8>) {
    storage.collector.value.begin(limit: settings.headerListBytes)
    let outcome = decoder.decode(block, into: &storage.collector.value)
    let isSound = storage.collector.value.isSound
    let list = storage.collector.value.take()
    switch outcome {
    case .whole: break
    case .malformed: return breakOff(.compressionError)
    case .tooMuch: return fail(.flood(.fields))
    }
    let slot = slot(of: header.stream)
    let ends = header.flags.contains(.endStream)
    if slot == .none {
      beginRequest(header.stream, list, isSound, ends)
    } else if streams[slot].isEndedByPeer {
      breakOff(.streamClosed)
    } else if streams[slot].hasHead {
      takeTrailers(slot, list, isSound, ends)
    } else {
      takeResponse(slot, list, isSound, ends)
    }
  }

  /// A stream that is not open: a new request, or a frame that came late or out of order (RFC 9113 §5.1.1).
  private mutating func beginRequest(_ id: Int32, _ list: HeaderList?, _ isSound: Bool, _ ends: Bool) {
    if role == .server && id & 1 == 0 { return breakOff(.protocolError) }
    guard id <= lastAccepted else {  // its sender knows from our GOAWAY that it is not served
      highestPeerStream = max(highestPeerStream, id)
      return chargeLate()
    }
    guard isIdle(id) else {
      switch closed.find(id) {
      case .resetByUs, .forgotten: return chargeLate()
      case .complete: return breakOff(.streamClosed)
      case nil: return breakOff(.protocolError)
      }
    }
    guard role == .server else { return breakOff(.protocolError) }
    highestPeerStream = id
    lastPeerStream = id
    guard index.count < Int(clamping: settings.concurrentStreams) else { return refuse(id, .none, .refusedStream) }
    guard events.listBytes < settings.pendingListBytes else { return refuse(id, .none, .refusedStream) }
    var length: Int64 = -1
    if let list {
      guard isSound, let message = list.request(takesExtendedConnect: settings.takesExtendedConnect),
        !ends || message.length <= 0
      else {
        return refuse(id, .none, .protocolError)
      }
      length = message.length
    }
    let slot = open(id)
    streams[slot].hasHead = true
    streams[slot].expected = length
    append(.request(ends: ends), list, stream: id, slot: slot)
    if ends { endedByPeer(slot) }
  }

  /// Charges a field block that nobody wants: it was decoded all the same.
  private mutating func chargeLate() {
    if !idleFrames.spend(at: now) { fail(.flood(.idleFrames)) }
  }

  private mutating func takeResponse(_ slot: Handle, _ list: HeaderList?, _ isSound: Bool, _ ends: Bool) {
    let id = streams[slot].id
    guard let list else {
      streams[slot].hasHead = true
      append(.tooLarge, stream: id, slot: slot)
      if ends { endedByPeer(slot) }
      return
    }
    guard isSound, let message = list.response(to: streams[slot].method), !(message.isInterim && ends) else {
      return refuse(id, slot, .protocolError)
    }
    if message.isInterim {
      streams[slot].interims &+= 1
      guard streams[slot].interims <= settings.interims, events.listBytes < settings.pendingListBytes else {
        return refuse(id, slot, .enhanceYourCalm)
      }
      return append(.informational, list, stream: id, slot: slot)
    }
    guard !ends || message.length <= 0 else { return refuse(id, slot, .protocolError) }
    streams[slot].hasHead = true
    streams[slot].expected = message.length
    append(.response(ends: ends), list, stream: id, slot: slot)
    if ends { endedByPeer(slot) }
  }

  private mutating func takeTrailers(_ slot: Handle, _ list: HeaderList?, _ isSound: Bool, _ ends: Bool) {
    let id = streams[slot].id
    guard ends, isSound, list?.areTrailers ?? true, streams[slot].isAsLongAsSaid else {
      return refuse(id, slot, .protocolError)
    }
    let list = list.flatMap { $0.size <= settings.trailerBytes ? $0 : nil }
    // No status could say any more that they are too large.
    if list == nil && role == .server || events.listBytes >= settings.pendingListBytes {
      return refuse(id, slot, .enhanceYourCalm)
    }
    append(.trailers, list, stream: id, slot: slot)
    endedByPeer(slot)
  }
}
