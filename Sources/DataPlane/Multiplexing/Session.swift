import HTTP2
import Memory
import SystemIO
import Workers

/// One connection of HTTP/2, Thrift or Mux: from a caller, whose streams are `Downstream`s, or to an endpoint, whose streams are
/// `Upstream`s. Lives on one worker for life.
///
/// These are spoken at the edge only. What a peer says on a stream becomes HTTP/1.1 text in the stream's input; the text in its
/// output becomes frames. What is between the two sides is the same for all, and judges them by the same rules.
struct Session: ~Copyable {
  let socket: PeerSocket
  let machine: SessionMachine
  let peer: Peer
  /// Frames that the kernel has not taken yet.
  var output = ByteBuffer()
  /// Streams that have more text than the machine is given at once; they go on when frames were written.
  var stalled: [Handle] = []
  /// Tunnels of which the same is true.
  var stalledTunnels: [Handle] = []
  /// Requests for a tunnel, `Upstream`s, that wait for the endpoint to say whether it takes such.
  var unsettled: [Handle] = []
  var phase: Phase
  /// The kernel may have bytes for us (edge-triggered: we must remember).
  var mayRead = true
  /// The peer has ended its side: a short read is not the last, the end comes after it and no event tells of it again.
  var sawHangup = false
  /// It is in `ProxyCore.dirtySessions`.
  var isDirty = false
  /// By then the peer must have acknowledged our settings.
  var settlesBy = Instant.distantFuture
  /// The peer's settings have come: it does speak HTTP/2.
  var isSettled = false
  /// To an endpoint, and counted as idle.
  var isIdle = false
  /// Something was asked of a silent peer (`ProxyLimits.ping`).
  var isAsked = false
  /// Requests that were sent to an endpoint on this connection.
  var served: UInt32 = 0
  var clock: ConnectionClock

  enum Peer {
    case caller(Origin)
    case endpoint(ClusterIndex, EndpointIndex)
  }

  enum Phase {
    /// To an endpoint; streams may be opened already.
    case connecting
    case open
    /// Nothing is said after `output`: the peer broke the protocol, or both sides have said GOAWAY.
    case closing
    /// Our last byte was said; what still comes is dropped, so that the peer gets to read it (as `Downstream.Phase.closing`).
    case lingering(left: Int)

    var isConnecting: Bool { if case .connecting = self { true } else { false } }
  }

  init(socket: consuming PeerSocket, machine: SessionMachine, peer: Peer, phase: Phase, clock: ConnectionClock) {
    self.socket = socket
    self.machine = machine
    self.peer = peer
    self.phase = phase
    self.clock = clock
  }

  /// Reads once. A short read means that the kernel has no more for now.
  mutating func receive(into input: inout ByteBuffer, atMost: Int) -> IOResult {
    let result = socket.receive(into: &input, atMost: atMost)
    switch result {
    case .bytes(let n): mayRead = n >= atMost || sawHangup
    case .wouldBlock, .endOfFile, .failed: mayRead = false
    }
    return result
  }

  /// Gives the kernel what it takes of the frames that wait, up to about `limit` bytes; how many went.
  mutating func write(atMost limit: Int) -> IOResult {
    var total = 0
    while true {
      switch socket.write(&output) {
      case .bytes(let n): total += n
      case let other: return other
      }
      guard isFlushed, total < limit else { return .bytes(total) }
      machine.write(into: &output, limit: Self.chunk)
      if output.isEmpty { return .bytes(total) }
    }
  }

  /// Bytes of frames made at a time. 16 KiB: one buffer of the pool, the largest frame that every peer takes.
  static let chunk = 16_384

  /// Nothing is left to say, and nothing to hear.
  var isOver: Bool { isFlushed && !machine.wantsRead && !machine.wantsWrite }

  /// The kernel has taken every frame that was made.
  var isFlushed: Bool { output.isEmpty && !socket.hasUnsent }

  var isClosing: Bool { if case .closing = phase { true } else { false } }

  /// Bytes may be there that can be looked at.
  var isReadable: Bool { mayRead && machine.wantsBytes }

  /// An endpoint takes one more request on this connection; `limit` is what we want on one at most.
  func hasRoom(limit: Int) -> Bool {
    switch phase {
    case .connecting, .open: machine.hasRoom(limit: limit)
    case .closing, .lingering: false
    }
  }
}
