import CNGHTTP2
import Memory

/// What libnghttp2 tells us while it reads. Callbacks recover the state, note an event and return.
extension SessionState {
  static var stop: Int32 { Int32(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }

  @unsafe static func installReceiving(_ callbacks: OpaquePointer) {
    unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
      unsafe SessionState.with(user) { unsafe $0.frameBegins(header!.pointee) }
    }
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
      unsafe SessionState.with(user) { unsafe $0.headersBegin(frame!) }
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, _, name, nameLength, value, valueLength, _, user in
      unsafe SessionState.with(user) {
        unsafe $0.received(
          name: Span(_unsafeStart: name!, count: nameLength), value: Span(_unsafeStart: value!, count: valueLength))
      }
    }
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      unsafe SessionState.with(user) { unsafe $0.received(frame!) }
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, bytes, count, user in
      unsafe SessionState.with(user) { unsafe $0.received(UnsafeRawPointer(bytes!), count, on: stream) }
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
      unsafe SessionState.with(user) { $0.streamClosed(stream, HTTP2ErrorCode(rawValue: code)) }
    }
  }

  /// The state behind libnghttp2's user data: the session has lent it, see `HTTP2Session.lendingState`.
  @unsafe static func with<Result>(_ user: UnsafeMutableRawPointer?, _ body: (inout SessionState) -> Result) -> Result {
    unsafe body(&user!.assumingMemoryBound(to: SessionState.self).pointee)
  }

  // MARK: Frames

  /// Charges frames that cost work and carry next to nothing, before libnghttp2 acts on them.
  private mutating func frameBegins(_ header: nghttp2_frame_hd) -> Int32 {
    let type = UInt32(header.type)
    if type == NGHTTP2_HEADERS.rawValue, !isInOrder(header.stream_id) {
      // Acts when the frame was read; what it said is of no account any more.
      _ = unsafe nghttp2_session_terminate_session(session, HTTP2ErrorCode.protocolError.rawValue)
      return 0
    }
    if type == NGHTTP2_RST_STREAM.rawValue {
      return role == .client || resets.spend(at: now) ? 0 : flooded(.resets)
    }
    if type == NGHTTP2_HEADERS.rawValue || type == NGHTTP2_CONTINUATION.rawValue { return 0 }
    guard type == NGHTTP2_DATA.rawValue else { return idleFrames.spend(at: now) ? 0 : flooded(.idleFrames) }
    let ends = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
    emptyFrames = header.length == 0 && !ends ? emptyFrames + 1 : 0
    if emptyFrames > settings.emptyFrames { return flooded(.emptyData) }
    guard header.length < settings.smallDataBytes, !ends else { return 0 }
    if header.length > 0, isTunnel(header.stream_id) { return 0 }
    return idleFrames.spend(at: now) ? 0 : flooded(.idleFrames)
  }

  private mutating func isTunnel(_ stream: Int32) -> Bool {
    let slot = slot(of: stream)
    return slot != .none && streams[slot].isTunnel
  }

  /// A server's peer may open no stream with an id below one that it has used (RFC 9113 §5.1.1). libnghttp2 passes over such
  /// frames, as it must for streams that it has forgotten; it is asked whether it knows this one.
  private func isInOrder(_ stream: Int32) -> Bool {
    guard role == .server, stream & 1 == 1 else { return true }
    return unsafe stream > nghttp2_session_get_last_proc_stream_id(session)
      || nghttp2_session_find_stream(session, stream) != nil
  }

  private mutating func flooded(_ flood: HTTP2Fault.Flood) -> Int32 {
    if fault == nil { fault = .flood(flood) }
    return Self.stop
  }

  @unsafe private mutating func headersBegin(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    fields.begin()
    let header = unsafe frame.pointee.hd
    if role == .server, unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
      let slot = streams.insert(Stream(id: header.stream_id))
      return unsafe nghttp2_session_set_stream_user_data(session, header.stream_id, slot.userData)
    }
    return 0
  }

  private mutating func received(name: Span<UInt8>, value: Span<UInt8>) -> Int32 {
    fields.add(name: name, value: value)
    return 0
  }

  @unsafe private mutating func received(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = unsafe frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
      let slot = slot(of: header.stream_id)
      let category = unsafe frame.pointee.headers.cat
      let ends = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
      append(takeFields(isRequest: category == NGHTTP2_HCAT_REQUEST, ends), stream: header.stream_id, slot: slot)
      ended(header, slot)
    case NGHTTP2_DATA.rawValue: ended(header, slot(of: header.stream_id))
    case NGHTTP2_SETTINGS.rawValue where UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue == 0:
      append(.settings, stream: 0, slot: .none)
    case NGHTTP2_SETTINGS.rawValue: isAcknowledged = true
    case NGHTTP2_PING.rawValue where UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0:
      append(.pong(unsafe payload(frame.pointee.ping)), stream: 0, slot: .none)
    case NGHTTP2_GOAWAY.rawValue:
      let goAway = unsafe frame.pointee.goaway
      let code = unsafe HTTP2ErrorCode(rawValue: goAway.error_code)
      append(.goAway(last: unsafe goAway.last_stream_id, code), stream: 0, slot: .none)
    default: break
    }
    return 0
  }

  private mutating func ended(_ header: nghttp2_frame_hd, _ slot: Handle) {
    if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
      append(.ended, stream: header.stream_id, slot: slot)
    }
  }

  /// The decoded list as an event. Only a first list has pseudo-fields: libnghttp2 refuses them in trailers.
  private mutating func takeFields(isRequest: Bool, _ ends: Bool) -> HTTP2Event.Kind {
    guard let fields = fields.take() else { return .tooLarge }
    if isRequest { return .request(fields, ends: ends) }
    guard let status = fields.statusClass else { return .trailers(fields) }
    return status == UInt8(ascii: "1") ? .informational(fields) : .response(fields, ends: ends)
  }

  @unsafe private func payload(_ ping: nghttp2_ping) -> UInt64 {
    unsafe withUnsafeBytes(of: ping.opaque_data) { unsafe $0.loadUnaligned(as: UInt64.self) }.bigEndian
  }

  /// libnghttp2 hands out DATA in place: within the bytes that `receive` was given.
  @unsafe private mutating func received(_ bytes: UnsafeRawPointer, _ count: Int, on stream: Int32) -> Int32 {
    guard let input = unsafe input else { return Self.stop }
    let start = unsafe bytes - input
    guard start >= 0, count >= 0, start + count <= inputCount else { return Self.stop }
    append(.data(start..<(start + count)), stream: stream, slot: slot(of: stream))
    return 0
  }

  private mutating func streamClosed(_ stream: Int32, _ code: HTTP2ErrorCode) -> Int32 {
    let slot = slot(of: stream)
    if streams.contains(slot) { streams[slot].queue.removeAll() }
    append(.closed(code), stream: stream, slot: slot)
    return 0
  }
}
