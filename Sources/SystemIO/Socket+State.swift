import Glibc

/// Questions and settings beside the bytes.
extension Socket {
  /// The pending error of the socket, cleared by asking: after `connect`, 0 once the connection stands.
  public borrowing func connectError() -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 ? code : errno
  }

  /// Says our last byte and keeps reading. A peer that is gone already is no error: reading will tell.
  public borrowing func shutdownWrite() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  /// Our end; nil only when the socket is broken.
  public borrowing func localAddress() -> SocketAddress? {
    unsafe SocketAddress(filledBy: { unsafe getsockname(descriptor, $0, $1) == 0 })
  }

  /// The peer's end; nil when not connected.
  public borrowing func peerAddress() -> SocketAddress? {
    unsafe SocketAddress(filledBy: { unsafe getpeername(descriptor, $0, $1) == 0 })
  }

  /// Where the peer had wanted to connect before the kernel's address translation sent it here (iptables REDIRECT); nil where there was
  /// none that the kernel remembers.
  public borrowing func originalDestination() -> SocketAddress? {
    // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, of headers that are the kernel's own.
    let option: Int32 = 80
    return unsafe SocketAddress(filledBy: { address, length in
      if unsafe getsockopt(descriptor, Int32(IPPROTO_IP), option, address, length) == 0 { return true }
      return unsafe getsockopt(descriptor, Int32(IPPROTO_IPV6), option, address, length) == 0
    })
  }

  /// Makes closing send RST instead of FIN, so that the peer cannot take what it has for the whole.
  public borrowing func setReset() {
    var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
    // Fails on a broken socket only; then no FIN goes out either.
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
  }

  /// True when an idle connection is of no use: the peer closed or reset it, or sent bytes that nobody asked for.
  public borrowing func pendingEndOfFile() -> Bool {
    var byte: UInt8 = 0
    let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
    let count = retrying { unsafe recv(descriptor, &byte, 1, flags) }
    return count >= 0 || errno != EAGAIN
  }

  /// Lets the kernel probe a silent peer: after `idle` seconds, every `interval` seconds, `count` times; then the
  /// socket fails.
  public borrowing func setKeepAlive(idle: Int32, interval: Int32, count: Int32) throws(SystemError) {
    try set(SOL_SOCKET, SO_KEEPALIVE, 1, "setsockopt(SO_KEEPALIVE)")
    try set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, idle, "setsockopt(TCP_KEEPIDLE)")
    try set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, interval, "setsockopt(TCP_KEEPINTVL)")
    try set(Int32(IPPROTO_TCP), TCP_KEEPCNT, count, "setsockopt(TCP_KEEPCNT)")
  }

  /// Milliseconds that sent bytes may stay unacknowledged before the socket fails (RFC 5482); 0 = the system's default.
  public borrowing func setUserTimeout(milliseconds: Int32) throws(SystemError) {
    try set(Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, milliseconds, "setsockopt(TCP_USER_TIMEOUT)")
  }

  /// Bytes of the kernel's send buffer; the kernel doubles the number for its own bookkeeping.
  public borrowing func setSendBuffer(bytes: Int32) throws(SystemError) {
    try set(SOL_SOCKET, SO_SNDBUF, bytes, "setsockopt(SO_SNDBUF)")
  }

  /// Bytes of the kernel's receive buffer; the kernel doubles the number for its own bookkeeping.
  public borrowing func setReceiveBuffer(bytes: Int32) throws(SystemError) {
    try set(SOL_SOCKET, SO_RCVBUF, bytes, "setsockopt(SO_RCVBUF)")
  }

  borrowing func set(_ level: Int32, _ option: Int32, _ value: Int32, _ call: StaticString) throws(SystemError) {
    var value = value
    if unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) != 0 {
      throw .last(call)
    }
  }

  borrowing func option(_ level: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor, level, option, &value, &length) == 0 ? value : nil
  }
}
