import HTTP
import Memory
import SystemIO
import TLS

/// What a `GRPCServer` serves. All calls come on the loop thread; a handle names one call (HTTP/2 stream) and is never used twice
/// while someone may hold it.
public protocol GRPCService: AnyObject {
  /// A caller opened a call. Nil accepts it; a status refuses it (and `closed` does not follow).
  func opened(_ stream: Handle, path: String, headers: HeaderList, peer: GRPCPeer) -> GRPCStatus?
  /// One whole message, without its five-byte prefix, at most `ServingLimits.messageBytes`.
  func received(_ stream: Handle, _ message: [UInt8])
  /// The caller will send no more messages.
  func halfClosed(_ stream: Handle)
  /// The call is over, for whatever reason; comes exactly once for each accepted call. The handle is dead.
  func closed(_ stream: Handle)
  /// A connection ended because TLS failed, before any call or under its calls. Counted by the server already.
  func failed(_ fault: TLSError, peer: SocketAddress)
}

extension GRPCService {
  /// For services that need not know.
  public func failed(_ fault: TLSError, peer: SocketAddress) {}
}

/// What a `GRPCClient` tells its owner, on the loop thread. After each `connect(to:)` comes at most one `connected` and, unless
/// `close()` was called first, exactly one of `failed` and `disconnected`, which ends the connection.
public protocol GRPCClientEvents: AnyObject {
  /// The peer speaks HTTP/2.
  func connected()
  /// There was no connection, or there is no mesh behind it. The reason is for people: "… is not a mesh port: …".
  func failed(_ reason: String)
  /// One whole message of that call.
  func received(_ stream: Handle, _ message: [UInt8])
  /// The call is over: with the status the server gave, or nil when the stream or connection broke.
  func closed(_ stream: Handle, _ status: GRPCStatus?)
  /// A connection that had been `connected` has ended; each open call was `closed` before.
  func disconnected(_ reason: String)
}
