import CNGHTTP2

extension HTTP2Session {
  /// A libnghttp2 session with our callbacks and limits; traps only when there is no memory.
  static func makeSession(role: HTTP2Role, settings: HTTP2Settings) -> OpaquePointer {
    let callbacks = unsafe makeCallbacks()
    let option = unsafe makeOption(role, settings)
    defer {
      // libnghttp2 copies both.
      unsafe nghttp2_session_callbacks_del(callbacks)
      unsafe nghttp2_option_del(option)
    }
    var session: OpaquePointer?
    let result =
      switch role {
      case .server: unsafe nghttp2_session_server_new2(&session, callbacks, nil, option)
      case .client: unsafe nghttp2_session_client_new2(&session, callbacks, nil, option)
      }
    guard result == 0, let session = unsafe session else { fatalError("no memory for an HTTP/2 session") }
    return unsafe session
  }

  private static func makeOption(_ role: HTTP2Role, _ settings: HTTP2Settings) -> OpaquePointer {
    var option: OpaquePointer?
    guard unsafe nghttp2_option_new(&option) == 0, let option = unsafe option else {
      fatalError("no memory for an HTTP/2 session")
    }
    // Credit is given by `consume`, when the application took the bytes: that is the back-pressure.
    unsafe nghttp2_option_set_no_auto_window_update(option, 1)
    // A server keeps the latest closed streams, to tell a late frame from one that breaks the order (`isInOrder`).
    if role == .client { unsafe nghttp2_option_set_no_closed_streams(option, 1) }
    unsafe nghttp2_option_set_max_outbound_ack(option, settings.pendingAcknowledgements)
    unsafe nghttp2_option_set_max_continuations(option, settings.continuations)
    // libnghttp2 counts resets by its own clock; ours, in `TokenBucket`, is the tighter and takes time as an argument.
    return unsafe option
  }

  private static func makeCallbacks() -> OpaquePointer {
    var callbacks: OpaquePointer?
    guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0, let callbacks = unsafe callbacks else {
      fatalError("no memory for an HTTP/2 session")
    }
    unsafe SessionState.installReceiving(callbacks)
    unsafe SessionState.installSending(callbacks)
    return unsafe callbacks
  }

  /// Our settings and the connection's window, as the first frames.
  func submitSettings(_ role: HTTP2Role, _ settings: HTTP2Settings) {
    var entries = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue), value: settings.concurrentStreams),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(clamping: settings.streamWindow)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: settings.headerListBytes)),
    ]
    if role == .server, settings.takesExtendedConnect {
      entries.append(
        nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), value: 1))
    }
    if role == .client {
      entries.append(nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    }
    let settled = unsafe nghttp2_submit_settings(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
    let widened = unsafe nghttp2_session_set_local_window_size(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, settings.connectionWindow)
    precondition(settled == 0 && widened == 0, "HTTP/2 settings out of range")
  }
}
