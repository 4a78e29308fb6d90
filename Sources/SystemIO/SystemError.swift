import Glibc

/// A system call that failed, and why. Its description reads `connect: Connection refused (111)`.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The `errno` value; for `getaddrinfo` its own code, which is negative.
  public let code: Int32
  /// The name of the call.
  public let call: StaticString

  public init(code: Int32, call: StaticString) {
    self.code = code
    self.call = call
  }

  /// The error that `errno` tells of now: to be made right after the call.
  /// This process or host has run out of something (descriptors, memory, local ports): no fault of the other side.
  public var isExhaustion: Bool { [EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(code) }

  static func last(_ call: StaticString) -> SystemError { SystemError(code: errno, call: call) }

  public static func == (a: SystemError, b: SystemError) -> Bool {
    a.code == b.code && a.call.description == b.call.description
  }

  public var description: String { "\(call): \(systemMessage(code)) (\(code))" }
}

/// The system's words for an `errno` value, or for a (negative) code of `getaddrinfo`.
public func systemMessage(_ code: Int32) -> String {
  if code < 0 { return unsafe String(cString: gai_strerror(code)) }
  var text = [CChar](repeating: 0, count: 256)
  // strerror is not thread-safe; without _GNU_SOURCE Swift sees the POSIX strerror_r, which fills the buffer.
  let failed = unsafe strerror_r(code, &text, text.count)
  return failed == 0 ? string(text) : "error"
}

/// The text up to the first NUL.
func string(_ text: [CChar]) -> String {
  String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Repeats a system call while a signal interrupts it.
@inline(__always) func retrying(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}
