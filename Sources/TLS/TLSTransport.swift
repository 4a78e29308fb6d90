import COpenSSL
import Memory

/// The two ends of a session's bytes for the time of one call: OpenSSL reads the lent input where it lies and writes into
/// the lent output. It replaces OpenSSL's memory BIOs, which would copy once more on each side and keep their storage.
@safe struct TLSTransport: ~Copyable {
  /// What OpenSSL has not read yet; nil outside of a call.
  private var input: UnsafePointer<UInt8>?
  private(set) var inputCount = 0
  var output = ByteBuffer()
  let judgement: PeerJudgement
  /// The peer's certificate that was refused.
  var rejected = ""
  /// Why we refused it, when OpenSSL would not have.
  var fault: TLSCertificateFault?
  /// The peer's certificate has expired and was forgiven.
  var hasExpiredPeer = false

  init(judgement: PeerJudgement) {
    unsafe input = nil
    self.judgement = judgement
  }

  @unsafe mutating func lend(_ bytes: UnsafeBufferPointer<UInt8>) {
    unsafe input = bytes.baseAddress
    inputCount = bytes.count
  }

  mutating func takeBack() {
    unsafe input = nil
    inputCount = 0
  }

  /// Copies up to `limit` bytes of the input and returns how many; 0 when there is none.
  @unsafe fileprivate mutating func read(into target: UnsafeMutablePointer<CChar>, _ limit: Int) -> Int {
    let count = min(max(0, limit), inputCount)
    guard count > 0, let source = unsafe input else { return 0 }
    unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count)
    unsafe input = source + count
    inputCount -= count
    return count
  }
}

extension TLSTransport {
  /// The transport behind a BIO of ours.
  @unsafe static func of(_ bio: OpaquePointer?) -> UnsafeMutablePointer<TLSTransport>? {
    unsafe BIO_get_data(bio)?.assumingMemoryBound(to: TLSTransport.self)
  }

  /// How OpenSSL reaches a transport. Kept by each context and released after its sessions.
  static func makeMethod() -> OpenSSLReference {
    guard let method = unsafe BIO_meth_new(BIO_TYPE_SOURCE_SINK, "heddle") else { fatalError("no memory for TLS") }
    unsafe BIO_meth_set_read(method) { bio, target, limit in
      unsafe copenssl_clear_retry(bio)
      guard let target = unsafe target, let transport = unsafe TLSTransport.of(bio) else { return -1 }
      let count = unsafe transport.pointee.read(into: target, Int(limit))
      if count > 0 { return Int32(count) }
      unsafe copenssl_retry_read(bio)
      return -1
    }
    unsafe BIO_meth_set_write(method) { bio, source, count in
      unsafe copenssl_clear_retry(bio)
      guard let source = unsafe source, count >= 0, let transport = unsafe TLSTransport.of(bio) else { return -1 }
      let bytes = unsafe UnsafeRawBufferPointer(start: source, count: Int(count))
      unsafe bytes.withMemoryRebound(to: UInt8.self) {
        unsafe transport.pointee.output.append(Span(_unsafeElements: $0))
      }
      return count
    }
    unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return unsafe OpenSSLReference(method) { unsafe BIO_meth_free($0) }
  }
}
