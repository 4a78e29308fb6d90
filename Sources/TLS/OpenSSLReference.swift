/// Owns one reference to an object of OpenSSL that counts its references and, once set up, is only read: a context, a
/// certificate, a key. Such objects may be used from several threads (openssl-threads(7)), which is what the unchecked
/// conformance says; a session is not one of them.
@safe final class OpenSSLReference: @unchecked Sendable {
  let pointer: OpaquePointer
  private let release: @Sendable (OpaquePointer) -> Void

  @unsafe init(_ reference: OpaquePointer, _ freeing: @escaping @Sendable (OpaquePointer) -> Void) {
    unsafe pointer = reference
    unsafe release = freeing
  }

  deinit { unsafe release(pointer) }
}
