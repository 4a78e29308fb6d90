import COpenSSL

/// OpenSSL's errors of this thread: cleared before a call that may fail, drained after one that did, so that no error is
/// taken for another call's.
enum ErrorQueue {
  struct Entry {
    /// The part of OpenSSL that failed, `ERR_LIB_…`.
    let library: Int32
    let reason: Int32
    /// OpenSSL's words for the reason.
    let text: String
  }

  static func clear() { ERR_clear_error() }

  /// The errors that wait, the first cause first, at most 16 (as many as the queue holds); none is left.
  static func drain() -> [Entry] {
    var entries: [Entry] = []
    while true {
      let code = ERR_get_error()
      if code == 0 { return entries }
      let text = unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) } ?? "error \(code)"
      // The macros' bits (openssl/err.h): errors of the system have the top bit and the code itself below.
      let isSystem = code & 0x8000_0000 != 0
      let library = isSystem ? ERR_LIB_SYS : Int32(truncatingIfNeeded: code >> 23 & 0xff)
      let reason = Int32(truncatingIfNeeded: code & (isSystem ? 0x7fff_ffff : 0x7f_ffff))
      entries.append(Entry(library: library, reason: reason, text: text))
    }
  }

  /// The words of the first error, nothing left behind.
  static func text() -> String { drain().first?.text ?? "no reason given" }
}
