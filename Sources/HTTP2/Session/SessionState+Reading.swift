import Memory

// From bytes to frames.
extension SessionState {
  /// Takes bytes that were read, wherever they are cut.
  mutating func receive(_ bytes: Span<UInt8>) {
    var at = 0
    if reader.prefaceLeft > 0 {
      guard let taken = reader.takePreface(bytes) else { return fail(.badPreface) }
      at = taken
    }
    if reader.headers != nil, now > reader.blockSince + settings.blockMilliseconds {
      return fail(.flood(.continuations))
    }
    while at < bytes.count && !isTerminated {
      if reader.data != nil {
        at = takeData(bytes, from: at)
      } else if let header = reader.header {
        at = completeFrame(header, bytes, from: at)
      } else if !reader.partial.isEmpty || bytes.count &- at < FrameHeader.size {
        at = completeHeader(bytes, from: at)
      } else {
        let header = FrameHeader(bytes, at: at)
        at &+= FrameHeader.size
        guard begins(header) else { return }
        if header.type == .data {
          beginData(header)
        } else if bytes.count &- at >= header.length {
          take(header, bytes.extracting(at..<at &+ header.length))
          at &+= header.length
        } else {
          reader.header = header
        }
      }
    }
  }

  /// Adds to a header that was cut.
  private mutating func completeHeader(_ bytes: Span<UInt8>, from start: Int) -> Int {
    let end = start &+ min(FrameHeader.size &- reader.partial.count, bytes.count &- start)
    reader.partial.append(bytes.extracting(start..<end))
    guard reader.partial.count == FrameHeader.size else { return end }
    let header = FrameHeader(reader.partial.span, at: 0)
    reader.partial.removeAll()
    guard begins(header) else { return end }
    if header.type == .data {
      beginData(header)
    } else if header.length == 0 {
      take(header, bytes.extracting(end..<end))
    } else {
      reader.header = header
    }
    return end
  }

  /// Adds to a payload that was cut.
  private mutating func completeFrame(_ header: FrameHeader, _ bytes: Span<UInt8>, from start: Int) -> Int {
    let end = start &+ min(header.length &- reader.partial.count, bytes.count &- start)
    reader.partial.append(bytes.extracting(start..<end))
    guard reader.partial.count == header.length else { return end }
    reader.header = nil
    var payload = reader.takePartial()
    take(header, payload.span)
    reader.giveBack(partial: &payload)
    return end
  }

  /// What can be said of a frame by its header, before its payload has come. False when the connection ends by it.
  private mutating func begins(_ header: FrameHeader) -> Bool {
    guard header.length <= FrameHeader.payloadLimit else { return broken(.frameSizeError) }
    // A client causes its frames itself, and opens no more streams.
    guard role == .client || frames.count <= settings.unreadBytes else { return flooded(.unread) }
    if reader.isFirst {
      guard header.type == .settings, !header.flags.contains(.acknowledgement) else { return broken(.protocolError) }
      reader.isFirst = false
    }
    // A field block is one piece (RFC 9113 §6.10).
    if let headers = reader.headers {
      guard header.type == .continuation, header.stream == headers.stream else { return broken(.protocolError) }
    } else if header.type == .continuation {
      return broken(.protocolError)
    }
    return isAffordable(header)
  }

  private mutating func broken(_ code: HTTP2ErrorCode) -> Bool {
    breakOff(code)
    return false
  }

  /// Charges frames that cost work and carry next to nothing, before anything is done about them.
  private mutating func isAffordable(_ header: FrameHeader) -> Bool {
    switch header.type {
    case .headers, .continuation: return true
    case .reset: return role == .client || resets.spend(at: now) || flooded(.resets)
    case .data: break
    default: return idleFrames.spend(at: now) || flooded(.idleFrames)
    }
    let ends = header.flags.contains(.endStream)
    emptyFrames = header.length == 0 && !ends ? emptyFrames + 1 : 0
    if emptyFrames > settings.emptyFrames { return flooded(.emptyData) }
    if header.length > 0 || ends { return true }  // of a body: its stream is charged
    return idleFrames.spend(at: now) || flooded(.idleFrames)
  }

  /// Charges a stream a DATA frame that carries next to nothing. The stream, not the connection: between proxies that is everybody's.
  private mutating func isSpent(_ slot: Handle, _ data: FrameReader.DataFrame) -> Bool {
    guard data.left > 0, data.left < settings.smallDataBytes, !data.ends, !streams[slot].isTunnel else { return false }
    return !streams[slot].smallFrames.spend(at: now)
  }

  private mutating func flooded(_ flood: HTTP2Fault.Flood) -> Bool {
    fail(.flood(flood))
    return false
  }

  /// Acts on a whole frame that is no DATA.
  private mutating func take(_ header: FrameHeader, _ payload: Span<UInt8>) {
    switch header.type {
    case .headers: takeHeaders(header, payload)
    case .continuation: takeContinuation(header, payload)
    case .windowUpdate: takeWindowUpdate(header, payload)
    case .settings: takeSettings(header, payload)
    case .ping: takePing(header, payload)
    case .reset: takeReset(header, payload)
    case .goAway: takeGoAway(header, payload)
    case .priority: takePriority(header, payload)
    case .pushPromise: breakOff(.protocolError)  // a client must not, and a server was told not to (RFC 9113 §8.4)
    default: break
    }
  }

  // MARK: DATA (RFC 9113 §6.1)

  private mutating func beginData(_ header: FrameHeader) {
    let id = header.stream
    guard id != 0 else { return breakOff(.protocolError) }
    guard window.receive(header.length) else { return breakOff(.flowControlError) }
    var data = FrameReader.DataFrame(
      stream: id, left: header.length, isPaddingUnknown: header.flags.contains(.padded),
      ends: header.flags.contains(.endStream))
    let slot = slot(of: id)
    if slot == .none {
      guard isLate(id) else { return }
      // Who was told to stop, and goes on, is charged on the connection.
      if data.left < settings.smallDataBytes, !data.ends, !idleFrames.spend(at: now) {
        return fail(.flood(.idleFrames))
      }
      data.isSkipped = true
    } else if streams[slot].isEndedByPeer {
      return breakOff(.streamClosed)
    } else if !streams[slot].window.receive(header.length) {
      refuse(id, slot, .flowControlError)
      data.isSkipped = true
    } else if !streams[slot].hasHead {
      refuse(id, slot, .protocolError)
      data.isSkipped = true
    } else if isSpent(slot, data) {
      refuse(id, slot, .enhanceYourCalm)
      data.isSkipped = true
    }
    if data.isPaddingUnknown && data.left == 0 { return breakOff(.frameSizeError) }
    if data.left == 0 { endData(data) } else { reader.data = data }
  }

  /// Whether a frame for a stream that is not open came late, and is to be passed over; else the connection has ended by it
  /// (RFC 9113 §5.1).
  private mutating func isLate(_ id: Int32) -> Bool {
    if isIdle(id) { return broken(.protocolError) }
    return closed.find(id) == .complete ? broken(.streamClosed) : true
  }

  /// Whether nobody has begun the stream yet.
  func isIdle(_ id: Int32) -> Bool {
    let isOwn = (id & 1 == 1) == (role == .client)
    return isOwn ? nextOwnStream > 0 && id >= nextOwnStream : id > highestPeerStream
  }

  /// Takes what is there of a DATA frame.
  private mutating func takeData(_ bytes: Span<UInt8>, from start: Int) -> Int {
    guard var data = reader.data else { return start }
    var at = start
    if data.isPaddingUnknown {
      data.isPaddingUnknown = false
      data.padding = Int(bytes[at])
      data.left &-= 1
      at &+= 1
      guard data.padding <= data.left else {
        breakOff(.protocolError)
        return at
      }
      consume(data.stream, data.padding &+ 1)
    }
    let content = min(data.left &- data.padding, bytes.count &- at)
    if content > 0 {
      takeContent(&data, at..<at &+ content)
      at &+= content
      data.left &-= content
    }
    if data.left <= data.padding {
      let padding = min(data.left, bytes.count &- at)
      at &+= padding
      data.left &-= padding
      data.padding = data.left
    }
    reader.data = data.left > 0 ? data : nil
    if data.left == 0 { endData(data) }
    return at
  }

  private mutating func takeContent(_ data: inout FrameReader.DataFrame, _ range: Range<Int>) {
    let slot = slot(of: data.stream)
    if data.isSkipped || slot == .none { return consume(0, range.count) }
    streams[slot].received &+= Int64(range.count)
    if streams[slot].expected >= 0 && streams[slot].received > streams[slot].expected {
      refuse(data.stream, slot, .protocolError)
      data.isSkipped = true
      return consume(0, range.count)
    }
    append(.data(range), stream: data.stream, slot: slot)
  }

  private mutating func endData(_ data: FrameReader.DataFrame) {
    let slot = slot(of: data.stream)
    if data.ends && !data.isSkipped && slot != .none { endedByPeer(slot) }
  }

  /// END_STREAM came: the message is complete, if it is as long as it said (RFC 9113 §8.1.1).
  mutating func endedByPeer(_ slot: Handle) {
    let id = streams[slot].id
    guard streams[slot].isAsLongAsSaid else { return refuse(id, slot, .protocolError) }
    streams[slot].isEndedByPeer = true
    append(.ended, stream: id, slot: slot)
    closeIfDone(slot)
  }
}
