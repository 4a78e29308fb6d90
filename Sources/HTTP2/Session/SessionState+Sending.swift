import Memory

// From commands to frames.
extension SessionState {
  // MARK: Commands

  var takesRequests: Bool {
    role == .client && !isTerminated && !hasHeardGoAway && !hasSaidGoAway && nextOwnStream > 0
      && index.count < peer.streamLimit && frames.count <= settings.unreadBytes
  }

  /// Opens the next stream of a client's; its HEADERS must follow at once, so that ids go out in order.
  mutating func openRequest(tag: UInt64, _ method: Stream.Method) -> Handle? {
    guard takesRequests else { return nil }
    let slot = open(nextOwnStream, tag: tag)
    streams[slot].method = method
    nextOwnStream = nextOwnStream == .max ? -1 : nextOwnStream &+ 2
    return slot
  }

  mutating func setTag(_ tag: UInt64, at slot: Handle) {
    if streams.contains(slot) { streams[slot].tag = tag }
  }

  mutating func setTunnel(_ stream: Int32) {
    let slot = slot(of: stream)
    if slot != .none { streams[slot].isTunnel = true }
  }

  mutating func queuedBytes(_ stream: Int32) -> Int {
    let slot = slot(of: stream)
    return slot == .none ? 0 : streams[slot].queue.count
  }

  mutating func isEndedByPeer(_ stream: Int32) -> Bool {
    let slot = slot(of: stream)
    return slot == .none || streams[slot].isEndedByPeer
  }

  /// Sends a copy of body bytes, as the other.
  mutating func send(_ stream: Int32, copying bytes: Span<UInt8>, endStream: Bool) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding, maySendNow(slot, bytes.count) else {
      return send(stream, [UInt8](copying: bytes), endStream: endStream)
    }
    appendData(stream, bytes, endStream: endStream)
    sent(bytes.count, slot, isCut: false)
    if endStream {
      streams[slot].isEnding = true
      endedByUs(slot)
    }
    return true
  }

  /// Appends a DATA frame to `frames`, or to the one that they end with: a body in small pieces costs its reader no frame each.
  private mutating func appendData(_ stream: Int32, _ bytes: Span<UInt8>, endStream: Bool) {
    if openData.stream == stream, openData.end == frames.count {
      frames.append(bytes)
      frames.setFrameLength(at: openData.start)
      if endStream { frames.overwrite(at: openData.start + 4, with: FrameFlags.endStream.rawValue) }
    } else {
      openData.start = frames.count
      frames.append(FrameHeader(.data, endStream ? .endStream : [], stream: stream, length: bytes.count))
      frames.append(bytes)
    }
    openData.stream = endStream ? 0 : stream
    openData.end = frames.count
  }

  /// Whether bytes of a body may go out with the frames that wait already: where none wait on its stream, the windows are open, and it is
  /// so little that no other stream would wait for it.
  private mutating func maySendNow(_ slot: Handle, _ count: Int) -> Bool {
    streams[slot].hasSentHead && streams[slot].place == .nowhere && streams[slot].queue.isEmpty && !isTerminated
      && (count == 0 || count <= min(streams[slot].sendWindow, sendWindow)) && frames.count + count <= Self.framesKept
  }

  /// Counts bytes of a body that were written.
  /// - Parameter isCut: the peer's window left no room for more.
  private mutating func sent(_ count: Int, _ slot: Handle, isCut: Bool) {
    streams[slot].sendWindow &-= count
    sendWindow &-= count
    // The peer answers DATA with WINDOW_UPDATEs, at most two each; those are no flood. But they are where it asks for a body byte by byte
    // (CVE-2019-9511).
    if !isCut || count >= settings.smallDataBytes { idleFrames.refund(thousandths: 2000) }
  }

  /// Queues body bytes. False when the stream is gone or its end was queued.
  mutating func send(_ stream: Int32, _ bytes: [UInt8], endStream: Bool) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding else { return false }
    streams[slot].queue.append(bytes)
    if endStream { streams[slot].isEnding = true }
    schedule(slot)
    return true
  }

  /// Queues the end, with trailers. False when the stream is gone or its end was queued.
  mutating func end(_ stream: Int32, _ trailers: HeaderList) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding else { return false }
    streams[slot].isEnding = true
    streams[slot].trailers = trailers
    schedule(slot)
    return true
  }

  /// As the other, with a trailer section that this program wrote.
  mutating func end(_ stream: Int32, ownTrailers text: Span<UInt8>) -> Bool {
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEnding, maySendNow(slot, 0) else {
      return end(stream, HeaderList(ownTrailers: text))
    }
    let start = beginHead(stream)
    OwnHeadText.encodeTrailers(text, by: &encoder, into: &frames)
    finishHead(slot, start, endStream: true)
    return true
  }

  mutating func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    let slot = slot(of: stream)
    guard slot != .none else { return }
    writeReset(stream, code)
    close(slot, code, .resetByUs)
  }

  // MARK: Heads

  /// The slot of a stream on which an answer's head may go out; nil when it is gone, or has its answer.
  mutating func slotForHead(_ stream: Int32) -> Handle? {
    let slot = slot(of: stream)
    return slot == .none || isTerminated || streams[slot].hasSentHead ? nil : slot
  }

  /// Begins a HEADERS frame in `frames`, whose fields are then encoded into it.
  /// - Returns: where it begins.
  mutating func beginHead(_ stream: Int32) -> Int {
    let start = frames.count
    frames.append(FrameHeader(.headers, .endHeaders, stream: stream, length: 0))
    encoder.begin(&frames)
    return start
  }

  /// The fields of the HEADERS frame that begins at `start` are there. What follows it may go out.
  mutating func finishHead(_ slot: Handle, _ start: Int, endStream: Bool) {
    frames.finishHead(start, streams[slot].id, endStream: endStream)
    streams[slot].hasSentHead = true
    guard endStream else { return schedule(slot) }
    streams[slot].isEnding = true
    endedByUs(slot)
  }

  /// As `finishHead`, of a head that another follows.
  mutating func finishInformational(_ stream: Int32, _ start: Int) {
    frames.finishHead(start, stream, endStream: false)
  }

  private mutating func endedByUs(_ slot: Handle) {
    streams[slot].isEnded = true
    if role == .server { append(.endWritten, stream: streams[slot].id, slot: slot) }
    closeIfDone(slot)
  }

  mutating func writeFields(_ list: HeaderList) {
    let bytes = list.bytes.span
    for index in list.entries.indices {
      encoder.encode(
        line: bytes.extracting(list.entries[index].line), nameLength: Int(list.entries[index].nameLength), into: &frames
      )
    }
  }

  // MARK: Output

  var wantsWrite: Bool { !frames.isEmpty || (!isTerminated && !ready.isEmpty) }

  /// Appends what waits, until the output holds `limit` bytes or nothing may go out.
  mutating func write(into output: inout ByteBuffer, limit: Int) {
    takeFrames(&output)
    while output.count < limit, !isTerminated, let slot = ready.popFirst(in: &streams) {
      streams[slot].place = .nowhere
      writeData(slot, &output)
      takeFrames(&output)  // the trailers; and a reset, if the stream ended in one
    }
  }

  private mutating func takeFrames(_ output: inout ByteBuffer) {
    if frames.isEmpty { return }
    output.append(frames.span)
    frames.removeAll()
    openData.stream = 0
    if frames.capacity > Self.framesKept { frames.release() }
    acknowledgements = 0
  }

  /// Storage of `frames` above this is given back. Why: an idle connection should not keep a burst's.
  private static var framesKept: Int { 4096 }

  /// Writes one DATA frame of the stream whose turn it is, or its end.
  private mutating func writeData(_ slot: Handle, _ output: inout ByteBuffer) {
    let waiting = streams[slot].queue.count
    // A window is below 0 after the peer made it smaller; an end without bytes needs none.
    let n = max(0, min(waiting, streams[slot].sendWindow, sendWindow, FrameHeader.payloadLimit))
    if waiting > 0 && n == 0 {
      if streams[slot].sendWindow > 0 {
        streams[slot].place = .blocked
        blocked.append(slot, in: &streams)
      }
      return
    }
    let isLast = n == waiting && streams[slot].isEnding
    let hasTrailers = streams[slot].trailers != nil
    if n > 0 || !hasTrailers {
      let flags: FrameFlags = isLast && !hasTrailers ? .endStream : []
      output.append(FrameHeader(.data, flags, stream: streams[slot].id, length: n))
      streams[slot].queue.move(n, to: &output)
      sent(n, slot, isCut: n < waiting)
    }
    if isLast { finish(slot) } else { schedule(slot) }
  }

  /// After the last byte: the trailers, where there are any.
  private mutating func finish(_ slot: Handle) {
    if let trailers = streams[slot].trailers {
      streams[slot].trailers = nil
      let start = beginHead(streams[slot].id)
      writeFields(trailers)
      finishHead(slot, start, endStream: true)
    } else {
      endedByUs(slot)
    }
  }
}

extension ByteBuffer {
  /// Says flags and length of the HEADERS frame that begins at `start`; a block that is too long for one goes on in CONTINUATION frames.
  fileprivate mutating func finishHead(_ start: Int, _ stream: Int32, endStream: Bool) {
    let length = count - start - FrameHeader.size
    let end: FrameFlags = endStream ? .endStream : []
    if length <= FrameHeader.payloadLimit {
      setFrameLength(at: start)
      return overwrite(at: start + 4, with: end.union(.endHeaders).rawValue)
    }
    let block = [UInt8](copying: span.extracting((start + FrameHeader.size)...))
    removeLast(count - start)
    var at = 0
    while at < block.count {
      let n = min(FrameHeader.payloadLimit, block.count - at)
      let isLast: FrameFlags = at + n == block.count ? .endHeaders : []
      append(
        FrameHeader(at == 0 ? .headers : .continuation, at == 0 ? end.union(isLast) : isLast, stream: stream, length: n)
      )
      append(block.span.extracting(at..<at + n))
      at += n
    }
  }
}
