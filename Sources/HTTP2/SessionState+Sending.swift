import CNGHTTP2
import Memory

/// What libnghttp2 asks us while it writes.
extension SessionState {
  @unsafe static func installSending(_ callbacks: OpaquePointer) {
    unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
      unsafe SessionState.with(user) { unsafe $0.sent(frame!) }
    }
    unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, user in
      unsafe SessionState.with(user) { unsafe $0.notSent(frame!.pointee.hd) }
    }
    unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, frame, header, count, _, user in
      unsafe SessionState.with(user) {
        unsafe $0.sendData(frame!.pointee.hd.stream_id, header: Span(_unsafeStart: header!, count: 9), count: count)
      }
    }
  }

  /// Lends the source of a stream's body, nil for a stream without one: libnghttp2 asks it when there is window, it answers
  /// with a size, and `sendData` fetches the bytes.
  @unsafe static func withProvider<Result>(
    _ endStream: Bool, _ body: (UnsafePointer<nghttp2_data_provider>?) -> Result
  ) -> Result {
    if endStream { return body(nil) }
    let provider = unsafe nghttp2_data_provider(
      source: nghttp2_data_source(fd: 0),
      read_callback: { _, stream, _, length, flags, _, user in
        unsafe SessionState.with(user) { unsafe $0.offerData(stream, atMost: length, flags: &flags!.pointee) }
      })
    return unsafe withUnsafePointer(to: provider) { unsafe body($0) }
  }

  private mutating func offerData(_ stream: Int32, atMost length: Int, flags: inout UInt32) -> Int {
    let slot = slot(of: stream)
    guard slot != .none else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
    let waiting = streams[slot].queue.count
    if waiting == 0 && !streams[slot].isEnding {
      streams[slot].isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    if waiting > 0 { flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
    if waiting <= length && streams[slot].isEnding { return finish(slot, stream, waiting, &flags) }
    return min(waiting, length)
  }

  /// The last bytes: END_STREAM with them, or trailers after them.
  private mutating func finish(_ slot: Handle, _ stream: Int32, _ waiting: Int, _ flags: inout UInt32) -> Int {
    flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
    guard let trailers = streams[slot].trailers else { return waiting }
    flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
    let result = unsafe trailers.withFields { unsafe nghttp2_submit_trailer(session, stream, $0, $1) }
    return result == 0 ? waiting : Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
  }

  /// Copies from the stream's queue straight into the output: the one copy on the way of a shared message.
  private mutating func sendData(_ stream: Int32, header: Span<UInt8>, count: Int) -> Int32 {
    if output.count >= outputLimit { return Int32(NGHTTP2_ERR_WOULDBLOCK.rawValue) }
    let slot = slot(of: stream)
    guard slot != .none, streams[slot].queue.count >= count else {
      return Int32(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    output.append(header)
    streams[slot].queue.move(count, to: &output)
    return 0
  }

  /// A request that libnghttp2 gave up before it went out: cancelled by us, or the peer is going away.
  private mutating func notSent(_ header: nghttp2_frame_hd) -> Int32 {
    guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue else { return 0 }
    guard let index = unopened.firstIndex(where: { $0.stream == header.stream_id }) else { return 0 }
    let request = unopened.remove(at: index)
    append(.closed(.refusedStream), stream: request.stream, slot: request.slot)
    return 0
  }

  @unsafe private mutating func sent(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = unsafe frame.pointee.hd
    let type = UInt32(header.type)
    if !unopened.isEmpty && type == NGHTTP2_HEADERS.rawValue { unopened.removeAll { $0.stream == header.stream_id } }
    let isMessage = type == NGHTTP2_DATA.rawValue || type == NGHTTP2_HEADERS.rawValue
    if role == .server && isMessage && UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
      append(.endWritten, stream: header.stream_id, slot: slot(of: header.stream_id))
    }
    switch type {
    // The peer answers our DATA with WINDOW_UPDATEs, at most two each; those are no flood.
    case NGHTTP2_DATA.rawValue: idleFrames.refund(2)
    case NGHTTP2_GOAWAY.rawValue:
      let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
      if code != .noError, reproach == nil { reproach = code }
    case NGHTTP2_RST_STREAM.rawValue where role == .server:
      // A reset that the peer made us send counts like one it sent (CVE-2025-8671).
      let code = unsafe HTTP2ErrorCode(rawValue: frame.pointee.rst_stream.error_code)
      if code != .noError && code != .cancel && !resets.spend(at: now) {
        if fault == nil { fault = .flood(.resets) }
        return Self.stop
      }
    default: break
    }
    return 0
  }
}

extension HeaderList {
  /// Lends the fields as libnghttp2 wants them; it copies what it keeps before `body` returns.
  @unsafe func withFields<Result>(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Result) -> Result {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      // libnghttp2 takes pointers to mutable bytes and does not change them.
      let base = unsafe UnsafeMutablePointer(mutating: buffer.baseAddress) ?? HeaderList.noBytes
      // On the stack, where a list is of ordinary size.
      return unsafe withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: entries.count) { fields in
        for index in entries.indices {
          let entry = entries[index]
          unsafe fields.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: base + entry.name.lowerBound, value: base + entry.value.lowerBound, namelen: entry.name.count,
              valuelen: entry.value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        }
        return unsafe body(fields.baseAddress, entries.count)
      }
    }
  }

  /// Stands for the start of an empty list's bytes; never read.
  @unsafe private static var noBytes: UnsafeMutablePointer<UInt8> {
    unsafe UnsafeMutablePointer(bitPattern: 16).unsafelyUnwrapped
  }
}
