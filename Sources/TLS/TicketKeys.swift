import COpenSSL
import Synchronization

/// The keys under which a server's sessions resume. The newest seals tickets; the ones before it still open theirs.
///
/// Who has a ticket key can read what was resumed under it by TLS 1.2, so keys live briefly and are never written down: rotate them every
/// few hours, and a ticket is good for as long as its key is kept. Shared by all sessions of a context, on every thread: the lock is taken
/// once in a handshake.
public final class TicketKeys: Sendable {
  /// Keys kept, the newest included: a ticket resumes a session until its key has been followed by so many. 3.
  public static let kept = 3

  struct Key: Sendable {
    /// Tells which key sealed a ticket; 16 bytes.
    let name: [UInt8]
    /// 32 bytes each.
    let cipher: [UInt8]
    let mac: [UInt8]

    init() {
      name = Self.random(16)
      cipher = Self.random(32)
      mac = Self.random(32)
    }

    private static func random(_ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      // Fails only where the kernel gives no random bytes: then no handshake would work either.
      if unsafe RAND_bytes(&bytes, Int32(count)) != 1 { fatalError("no random bytes for a ticket key") }
      return bytes
    }
  }

  private let keys: Mutex<[Key]>

  /// One key, made now.
  public init() { keys = Mutex([Key()]) }

  /// Seals by a new key from now on, and forgets the oldest.
  public func rotate() {
    let key = Key()
    keys.withLock { keys in
      keys.insert(key, at: 0)
      if keys.count > Self.kept { keys.removeLast() }
    }
  }

  var newest: Key { keys.withLock { $0[0] } }

  /// The key of this name, and whether it is the newest; nil when it is forgotten, or never was.
  func find(_ name: [UInt8]) -> (key: Key, isNewest: Bool)? {
    keys.withLock { keys in keys.firstIndex { $0.name == name }.map { (keys[$0], $0 == 0) } }
  }
}

extension TLSContext {
  /// Lets a server's sessions resume under these keys in place of OpenSSL's own, which stay the same for the context's life.
  func setTicketKeys() throws(TLSSetupError) {
    guard role == .server, settings.ticketKeys != nil else { return }
    if unsafe copenssl_set_ticket_callback(context.pointer, handleTicket) != 1 { throw .refused(ErrorQueue.text()) }
    // Which context a session belongs to: the callback gets nothing else.
    let own = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe SSL_CTX_set_ex_data(context.pointer, 0, own)
  }
}

/// As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it: 0 = no such key, 1 = done, 2 = done, and the client gets a newer ticket.
private let handleTicket:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?, Int32
  ) -> Int32 = { session, name, iv, cipher, mac, isSealing in
    guard let session = unsafe session, let name = unsafe name, let iv = unsafe iv,
      let own = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), 0)
    else { return -1 }
    let context = unsafe Unmanaged<TLSContext>.fromOpaque(own).takeUnretainedValue()
    guard let keys = context.settings.ticketKeys else { return -1 }
    if isSealing == 1 {
      let key = keys.newest
      _ = unsafe UnsafeMutableBufferPointer(start: name, count: 16).update(fromContentsOf: key.name)
      if unsafe RAND_bytes(iv, 16) != 1 { return -1 }
      return unsafe copenssl_ticket(cipher, mac, key.cipher, key.mac, iv, 1) == 1 ? 1 : -1
    }
    let asked = unsafe Array(UnsafeBufferPointer(start: name, count: 16))
    guard let (key, isNewest) = keys.find(asked) else { return 0 }
    guard unsafe copenssl_ticket(cipher, mac, key.cipher, key.mac, iv, 0) == 1 else { return -1 }
    return isNewest ? 1 : 2
  }
