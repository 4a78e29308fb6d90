import Memory
import SystemIO
import TLS
import Workers

/// TLS between a wire's buffers and its socket: the wire's bytes are the application's, this layer's are the network's.
final class SecureLayer {
  /// Application bytes encrypted at a time. Why: what is encrypted can no longer be taken back, and waits in memory twice.
  private static let pieceBytes = 16_384

  private var session: TLSSession
  private var incoming = ByteBuffer()
  /// Encrypted, for the socket.
  private var sealed = ByteBuffer()
  private(set) var fault: TLSError?

  init(_ session: consuming TLSSession) { self.session = session }

  var state: TLSSession.State { session.state }
  var peerCertificate: TLSCertificate? { session.peerCertificate }
  var applicationProtocol: String? { session.applicationProtocol }
  var hasOutput: Bool { !sealed.isEmpty }

  /// Begins the handshake, a client's.
  func start() {
    do { try session.start(output: &sealed) } catch { note(error) }
  }

  /// Reads once from the socket; what it held for the application comes into `plaintext`.
  func receive(_ socket: borrowing Socket, into plaintext: inout ByteBuffer, atMost: Int, on loop: ServiceLoop)
    -> IOResult
  {
    loop.buffers.lend(&incoming)
    let result = socket.receive(into: &incoming, atMost: atMost)
    switch result {
    case .bytes:
      do { try session.receive(incoming.span, plaintext: &plaintext, output: &sealed) } catch { note(error) }
    case .endOfFile: do { try session.connectionEnded() } catch { note(error) }
    case .wouldBlock, .failed: break
    }
    incoming.removeAll()
    loop.buffers.reclaim(&incoming)
    return result
  }

  /// Encrypts the next piece of `plaintext`, once the handshake is done and nothing older waits, and gives the socket what
  /// waits. Nil: there is nothing to give now.
  func send(_ plaintext: inout ByteBuffer, _ socket: borrowing Socket, on loop: ServiceLoop) -> IOResult? {
    if sealed.isEmpty, state == .established || state == .closed, !plaintext.isEmpty {
      let count = min(plaintext.count, Self.pieceBytes)
      do { try session.send(plaintext.span.extracting(0..<count), output: &sealed) } catch { note(error) }
      plaintext.removeFirst(count)
    }
    guard !sealed.isEmpty else { return nil }
    let result = socket.send(sealed)
    if case .bytes(let count) = result { sealed.removeFirst(count) }
    if sealed.isEmpty { sealed.release() }
    return result
  }

  /// Says good-bye as far as the socket takes it at once.
  func finish(_ socket: borrowing Socket) {
    session.close(output: &sealed)
    if !sealed.isEmpty { _ = socket.send(sealed) }
  }

  private func note(_ error: TLSError) { if fault == nil { fault = error } }
}
