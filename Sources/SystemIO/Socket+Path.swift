import Glibc

/// Sockets in the file system (unix(7)).
extension Socket {
  /// Begins to connect to the socket file at `path`, of at most 107 bytes; see `connect(to:)`. A listener whose queue is full
  /// refuses at once (EAGAIN).
  public static func connect(toPath path: String) throws(SystemError) -> Socket {
    let socket = try makeLocal()
    var address = try socketFile(path)
    let descriptor = socket.descriptor
    let result = unsafe withSystemAddress(&address) { unsafe Glibc.connect(descriptor, $0, $1) }
    if result != 0 && errno != EINPROGRESS && errno != EINTR { throw .last("connect") }
    return socket
  }

  /// A socket that listens at `path`, where nothing may be yet. The file stays when the socket closes.
  public static func listen(atPath path: String, backlog: Int32 = 128) throws(SystemError) -> Socket {
    let socket = try makeLocal()
    var address = try socketFile(path)
    let descriptor = socket.descriptor
    if unsafe withSystemAddress(&address, { unsafe bind(descriptor, $0, $1) }) != 0 { throw .last("bind") }
    if Glibc.listen(descriptor, backlog) != 0 { throw .last("listen") }
    return socket
  }

  private static func makeLocal() throws(SystemError) -> Socket {
    let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    let descriptor = Glibc.socket(AF_UNIX, Int32(kind), 0)
    if descriptor < 0 { throw .last("socket") }
    return Socket(owning: descriptor)
  }

  private static func socketFile(_ path: String) throws(SystemError) -> sockaddr_un {
    var address = sockaddr_un()
    let bytes = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= room, !bytes.contains(0) else {
      throw SystemError(code: bytes.count > room ? ENAMETOOLONG : EINVAL, call: "connect")
    }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    return address
  }

  private static func withSystemAddress(
    _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
