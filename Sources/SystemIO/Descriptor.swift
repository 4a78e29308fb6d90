import Glibc

/// An open file, closed when it goes out of scope.
struct Descriptor: ~Copyable, Sendable {
  let number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) { self.number = number }

  /// Opens `path`, not inherited by child processes. `mode` is for files that it makes.
  init(opening path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) {
    // A NUL would cut the path short and open another file.
    if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "open") }
    let opened = retrying { unsafe Int(open(path, flags | O_CLOEXEC, mode)) }
    if opened < 0 { throw .last("open") }
    number = Int32(opened)
  }

  deinit { _ = close(number) }

  /// Reads up to `buffer.count` bytes to `buffer[start...]`; 0 at the end of the file.
  borrowing func read(into buffer: inout [UInt8], from start: Int) throws(SystemError) -> Int {
    let descriptor = number
    let count = unsafe buffer.withUnsafeMutableBytes { raw in
      retrying { unsafe Glibc.read(descriptor, raw.baseAddress.map { unsafe $0 + start }, raw.count - start) }
    }
    if count < 0 { throw .last("read") }
    return count
  }

  /// Writes all bytes to an open descriptor.
  static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { raw in
        retrying { unsafe Glibc.write(descriptor, raw.baseAddress.map { unsafe $0 + done }, raw.count - done) }
      }
      if count < 0 { throw .last("write") }
      done += count
    }
  }

  /// Waits until the disk has what was written.
  borrowing func synchronize() throws(SystemError) {
    if fsync(number) != 0 { throw .last("fsync") }
  }
}
