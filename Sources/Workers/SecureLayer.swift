import Memory
import SystemIO
import TLS

/// TLS between a connection's buffers and its socket: the buffers' bytes are the application's, this layer's are the network's.
public final class SecureLayer {
  /// Application bytes encrypted at most before they are given to the socket, as several records in one write. 64 KiB.
  public static let batchBytes = 65_536
  /// Application bytes encrypted at a time. Why: what is encrypted can no longer be taken back, and waits in memory twice.
  public static let pieceBytes = 16_384

  private var session: TLSSession
  /// Storage only within a call.
  private var incoming = ByteBuffer()
  /// Encrypted, for the socket.
  private var sealed = ByteBuffer()
  /// Why the session is over, once it failed.
  public private(set) var fault: TLSError?

  public init(_ session: consuming TLSSession) { self.session = session }

  public var state: TLSSession.State { session.state }
  public var peerCertificate: TLSCertificate? { session.peerCertificate }
  /// See `TLSSession.hasExpiredPeer`.
  public var hasExpiredPeer: Bool { session.hasExpiredPeer }
  public var applicationProtocol: String? { session.applicationProtocol }
  /// Encrypted bytes wait for the socket.
  public var hasOutput: Bool { !sealed.isEmpty }

  /// Reads and answers as far as the handshake goes with what has come; its application bytes come into `plaintext`.
  public func shakeHands(_ socket: borrowing Socket, into plaintext: inout ByteBuffer) -> TLSSession.State {
    while true {
      while let sent = flush(socket) {
        switch sent {
        case .bytes: continue
        case .wouldBlock: return fault.map { .failed($0) } ?? .handshaking
        case .endOfFile, .failed: return .failed(fault ?? .truncated)
        }
      }
      if let fault { return .failed(fault) }
      if state != .handshaking { return .established }
      switch receive(socket, into: &plaintext, atMost: Self.pieceBytes) {
      case .bytes: continue
      case .wouldBlock: return hasOutput ? .handshaking : fault.map { .failed($0) } ?? .handshaking
      case .endOfFile, .failed: return .failed(fault ?? .truncated)
      }
    }
  }

  /// Begins the handshake, a client's.
  public func start() {
    do { try session.start(output: &sealed) } catch { note(error) }
  }

  /// Takes bytes that were read from the socket before it was known that they are TLS; what they held for the application comes into
  /// `plaintext`.
  public func receive(_ bytes: Span<UInt8>, into plaintext: inout ByteBuffer) {
    do { try session.receive(bytes, plaintext: &plaintext, output: &sealed) } catch { note(error) }
  }

  /// Reads once from the socket, up to `atMost` bytes; what they held for the application comes into `plaintext`.
  /// - Returns: what the socket said; `.bytes` counts its bytes, not the application's.
  public func receive(_ socket: borrowing Socket, into plaintext: inout ByteBuffer, atMost: Int) -> IOResult {
    let result = socket.receive(into: &incoming, atMost: atMost)
    switch result {
    case .bytes:
      do { try session.receive(incoming.span, plaintext: &plaintext, output: &sealed) } catch { note(error) }
    case .endOfFile: do { try session.connectionEnded() } catch { note(error) }
    case .wouldBlock, .failed: break
    }
    incoming.release()
    return result
  }

  /// Encrypts the first bytes of `plaintext`, once the handshake is done and nothing older waits; how many. They wait for `flush`.
  public func seal(_ plaintext: Span<UInt8>) -> Int {
    guard sealed.isEmpty, state == .established || state == .closed else { return 0 }
    let count = min(plaintext.count, Self.pieceBytes)
    do { try session.send(plaintext.extracting(0..<count), output: &sealed) } catch { note(error) }
    return count
  }

  /// The same of as many bytes as one write to the socket may carry.
  public func sealBatch(_ plaintext: Span<UInt8>) -> Int {
    guard sealed.isEmpty, state == .established || state == .closed else { return 0 }
    let count = min(plaintext.count, Self.batchBytes)
    var taken = 0
    while taken < count, fault == nil {
      let end = min(taken + Self.pieceBytes, count)
      do { try session.send(plaintext.extracting(taken..<end), output: &sealed) } catch { note(error) }
      taken = end
    }
    return taken
  }

  /// Gives the socket what waits, once. Nil: nothing waits.
  public func flush(_ socket: borrowing Socket) -> IOResult? {
    guard !sealed.isEmpty else { return nil }
    let result = socket.send(sealed)
    if case .bytes(let count) = result { sealed.removeFirst(count) }
    if sealed.isEmpty { sealed.release() }
    return result
  }

  /// Says good-bye as far as the socket takes it at once.
  public func finish(_ socket: borrowing Socket) {
    session.close(output: &sealed)
    if !sealed.isEmpty { _ = socket.send(sealed) }
  }

  private func note(_ error: TLSError) { if fault == nil { fault = error } }
}
