import COpenSSL

/// Bytes into and out of OpenSSL's objects.
enum DER {
  /// Reads an object that takes all of the bytes; nil when they are not one, or more than it. What comes out is owned by the caller.
  @unsafe static func read(
    _ bytes: [UInt8], free: ((OpaquePointer) -> Void)? = nil,
    _ parse: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?
  ) -> OpaquePointer? {
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return nil }
      var place: UnsafePointer<UInt8>? = unsafe start
      guard let object = unsafe parse(&place, buffer.count) else { return nil }
      if unsafe place == start + buffer.count { return unsafe object }
      unsafe free?(object)
      return nil
    }
  }

  /// What an `i2d_…` writes.
  @unsafe static func bytes(_ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8] {
    let count = write(nil)
    precondition(count > 0, "OpenSSL cannot encode an object of its own")
    return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, initialized in
      var place = buffer.baseAddress
      initialized = unsafe Int(write(&place))
    }
  }

  /// What a function writes into a BIO; its memory is wiped after.
  @unsafe static func text(_ write: (OpaquePointer) -> Int32) -> [UInt8] {
    guard let sink = unsafe BIO_new(BIO_s_mem()) else { fatalError("no memory for a certificate") }
    defer { unsafe _ = BIO_free(sink) }
    let isWritten = unsafe write(sink) == 1
    precondition(isWritten, "OpenSSL cannot encode an object of its own")
    let count = unsafe BIO_ctrl_pending(sink)
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = unsafe max(0, Int(BIO_read(sink, buffer.baseAddress, Int32(count))))
    }
  }

  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let isDone = unsafe EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha256(), nil)
    precondition(isDone == 1, "no memory for a hash")
    return digest
  }
}
