import Memory

// Frames of the connection's, and those that change a stream without carrying a message (RFC 9113 §6.3–§6.9).
extension SessionState {
  // MARK: Read

  mutating func takeSettings(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream == 0 else { return breakOff(.protocolError) }
    if header.flags.contains(.acknowledgement) {
      guard payload.isEmpty else { return breakOff(.frameSizeError) }
      return settingsAreKnown()
    }
    guard payload.count % 6 == 0 else { return breakOff(.frameSizeError) }
    guard payload.count / 6 <= settings.settingsPerFrame else { return fail(.flood(.settings)) }
    let windowBefore = peer.initialWindow
    var widest = windowBefore
    for at in stride(from: 0, to: payload.count, by: 6) {
      let id = UInt16(payload[at]) &<< 8 | UInt16(payload[at &+ 1])
      switch peer.apply(id, number(payload, at: at &+ 2), from: role == .server ? .client : .server) {
      case .none: break
      case .headerTable(let bytes): encoder.setLimit(bytes)
      case .fault(let code): return breakOff(code)
      }
      widest = max(widest, peer.initialWindow)
    }
    guard moveWindows(by: peer.initialWindow - windowBefore, atMost: widest - windowBefore) else {
      return breakOff(.flowControlError)
    }
    guard acknowledge() else { return }
    frames.append(FrameHeader(.settings, .acknowledgement, stream: 0, length: 0))
    append(.settings, stream: 0, slot: .none)
  }

  private mutating func settingsAreKnown() {
    if isAcknowledged { return }
    isAcknowledged = true
    for place in 0..<streams.slotCount {
      if let slot = streams.handle(at: place) { streams[slot].window.settle() }
    }
  }

  /// Moves the windows of all streams, once for all settings of a frame. `atMost` is the most by which they were wider in between.
  /// - Returns: false when a window would be above 2³¹ − 1 (RFC 9113 §6.9.2).
  private mutating func moveWindows(by change: Int, atMost: Int) -> Bool {
    if change == 0 && atMost == 0 { return true }
    for place in 0..<streams.slotCount {
      guard let slot = streams.handle(at: place), isOpen(slot) else { continue }
      guard streams[slot].sendWindow + atMost <= FlowWindow.largest else { return false }
      streams[slot].sendWindow += change
      if change > 0 { schedule(slot) }
    }
    return true
  }

  /// Whether the stream in a slot is open: not one whose `closed` event waits to be taken.
  private mutating func isOpen(_ slot: Handle) -> Bool { self.slot(of: streams[slot].id) == slot }

  mutating func takePing(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream == 0 else { return breakOff(.protocolError) }
    guard payload.count == 8 else { return breakOff(.frameSizeError) }
    let word = word(payload, at: 0).byteSwapped
    if header.flags.contains(.acknowledgement) { return append(.pong(word), stream: 0, slot: .none) }
    guard acknowledge() else { return }
    writePing(word, .acknowledgement)
  }

  /// Counts an acknowledgement that waits to be written: a peer that asks for them and does not read is a flood (CVE-2019-9512).
  private mutating func acknowledge() -> Bool {
    acknowledgements += 1
    if acknowledgements <= settings.pendingAcknowledgements { return true }
    fail(.flood(.acknowledgements))
    return false
  }

  mutating func takeReset(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream != 0, !isIdle(header.stream) else { return breakOff(.protocolError) }
    guard payload.count == 4 else { return breakOff(.frameSizeError) }
    let slot = slot(of: header.stream)
    if slot != .none { close(slot, HTTP2ErrorCode(rawValue: number(payload, at: 0)), .complete) }
  }

  mutating func takeGoAway(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream == 0 else { return breakOff(.protocolError) }
    guard payload.count >= 8 else { return breakOff(.frameSizeError) }
    let last = Int32(bitPattern: number(payload, at: 0) & 0x7fff_ffff)
    // It may not take back what it gave up (RFC 9113 §6.8).
    guard last <= lastTaken else { return breakOff(.protocolError) }
    lastTaken = last
    hasHeardGoAway = true
    append(.goAway(last: last, HTTP2ErrorCode(rawValue: number(payload, at: 4))), stream: 0, slot: .none)
    guard role == .client else { return }
    for place in 0..<streams.slotCount {
      guard let slot = streams.handle(at: place), streams[slot].id > last, isOpen(slot) else { continue }
      close(slot, .refusedStream, .resetByUs)
    }
  }

  mutating func takeWindowUpdate(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard payload.count == 4 else { return breakOff(.frameSizeError) }
    let credit = Int(number(payload, at: 0) & 0x7fff_ffff)
    guard credit > 0, header.stream == 0 || !isIdle(header.stream) else { return breakOff(.protocolError) }
    if header.stream == 0 {
      guard sendWindow + credit <= FlowWindow.largest else { return breakOff(.flowControlError) }
      sendWindow += credit
      return unblock()
    }
    let slot = slot(of: header.stream)
    guard slot != .none else { return }
    guard streams[slot].sendWindow + credit <= FlowWindow.largest else {
      return refuse(header.stream, slot, .flowControlError)
    }
    streams[slot].sendWindow += credit
    schedule(slot)
  }

  /// Priorities are not followed (RFC 9113 §5.3.2), only looked at as far as they can be wrong.
  mutating func takePriority(_ header: FrameHeader, _ payload: Span<UInt8>) {
    guard header.stream != 0 else { return breakOff(.protocolError) }
    guard payload.count == 5 else { return breakOff(.frameSizeError) }
    if dependsOnItself(header, payload, at: 0) { breakOff(.protocolError) }
  }

  func dependsOnItself(_ header: FrameHeader, _ payload: Span<UInt8>, at start: Int) -> Bool {
    Int32(bitPattern: number(payload, at: start) & 0x7fff_ffff) == header.stream
  }

  // MARK: Written

  mutating func writeSettings() {
    var list: [(id: UInt16, value: UInt32)] = [
      (3, settings.concurrentStreams), (4, UInt32(clamping: settings.streamWindow)),
      (6, UInt32(clamping: settings.headerListBytes)),
    ]
    if role == .client { list.append((2, 0)) }
    if role == .server && settings.takesExtendedConnect { list.append((8, 1)) }
    frames.append(FrameHeader(.settings, [], stream: 0, length: list.count * 6))
    for setting in list {
      frames.append(bigEndian: UInt64(setting.id), width: 2)
      frames.append(bigEndian: UInt64(setting.value), width: 4)
    }
  }

  mutating func writePing(_ payload: UInt64, _ flags: FrameFlags) {
    frames.append(FrameHeader(.ping, flags, stream: 0, length: 8))
    frames.append(bigEndian: payload, width: 8)
  }

  mutating func writeWindowUpdate(_ stream: Int32, _ credit: Int) {
    frames.append(FrameHeader(.windowUpdate, [], stream: stream, length: 4))
    frames.append(bigEndian: UInt64(credit), width: 4)
  }

  mutating func writeGoAway(_ last: Int32, _ code: HTTP2ErrorCode) {
    if isTerminated { return }
    if code != .noError, reproach == nil { reproach = code }
    frames.append(FrameHeader(.goAway, [], stream: 0, length: 8))
    frames.append(bigEndian: UInt64(UInt32(bitPattern: last)), width: 4)
    frames.append(bigEndian: UInt64(code.rawValue), width: 4)
  }

  mutating func writeReset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    if isTerminated { return }
    frames.append(FrameHeader(.reset, [], stream: stream, length: 4))
    frames.append(bigEndian: UInt64(code.rawValue), width: 4)
  }

  /// Gives credit for bytes of a body that were taken: to the connection, and to the stream while it is open.
  mutating func consume(_ stream: Int32, _ count: Int) {
    if isTerminated { return }
    let credit = window.consume(count)
    if credit > 0 { writeWindowUpdate(0, credit) }
    let slot = slot(of: stream)
    guard slot != .none, !streams[slot].isEndedByPeer else { return }
    let streamCredit = streams[slot].window.consume(count)
    if streamCredit > 0 { writeWindowUpdate(stream, streamCredit) }
  }
}
