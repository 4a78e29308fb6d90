import Glibc

/// An IPv4 or IPv6 address and a TCP port. A value of 24 bytes: no allocation.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  private enum Family: UInt8 { case v4, v6 }

  /// The address in network order, its first byte lowest; IPv4 fills the lower half's lower half.
  private var low: UInt64 = 0
  private var high: UInt64 = 0
  /// The interface of a link-local IPv6 address; 0 for any.
  private var scope: UInt32 = 0
  /// The port, 0 … 65535; 0 asks the kernel to choose one.
  public var port: UInt16
  private var family: Family

  /// `127.0.0.1` or `::1`.
  public static func loopback(port: UInt16, ipv6: Bool = false) -> SocketAddress {
    var address = SocketAddress(.v4, port: port)
    address.low = 0x0100_007f
    if ipv6 {
      address = SocketAddress(.v6, port: port)
      address.high = 1 << 56
    }
    return address
  }

  private init(_ family: Family, port: UInt16) {
    self.family = family
    self.port = port
  }

  /// Reads `127.0.0.1:80` or `[::1]:80`; nil for anything else. Names are not looked up, see `resolve`.
  public init?(_ text: String) {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    let digits = text[text.index(after: colon)...]
    guard let port = Self.port(digits) else { return nil }
    var host = text[..<colon]
    if host.first == "[" {
      guard host.last == "]" else { return nil }
      host = host.dropFirst().dropLast()
      guard host.utf8.contains(UInt8(ascii: ":")) else { return nil }
    } else if host.utf8.contains(UInt8(ascii: ":")) {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  /// Reads an address without brackets, as `inet_pton` does; nil for anything else, names among it.
  public init?(host: String, port: UInt16) {
    if host.utf8.contains(0) { return nil }
    var v4 = in_addr()
    var v6 = in6_addr()
    if unsafe inet_pton(AF_INET, host, &v4) == 1 {
      self.init(.v4, port: port)
      low = UInt64(v4.s_addr)
    } else if unsafe inet_pton(AF_INET6, host, &v6) == 1 {
      self.init(.v6, port: port)
      set(v6)
    } else {
      return nil
    }
  }

  /// 1 to 5 digits, at most 65535.
  static func port(_ digits: Substring) -> UInt16? {
    guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
    return UInt16(digits)
  }

  /// True for the version that `[…]` is written around.
  public var isIPv6: Bool { family == .v6 }

  /// True for 127.0.0.0/8 and ::1, also when mapped into IPv6.
  public var isLoopback: Bool {
    guard let v4 = embeddedIPv4 else { return low == 0 && high == 1 << 56 }
    return v4 & 0xff == 127
  }

  /// True for 0.0.0.0 and ::, which listen on every interface.
  public var isUnspecified: Bool { embeddedIPv4.map { $0 == 0 } ?? (low == 0 && high == 0) }

  /// The IPv4 address, first byte lowest, also when it is mapped as ::ffff:a.b.c.d.
  private var embeddedIPv4: UInt32? {
    if family == .v4 { return UInt32(truncatingIfNeeded: low) }
    return low == 0 && high & 0xffff_ffff == 0xffff_0000 ? UInt32(truncatingIfNeeded: high >> 32) : nil
  }

  /// The address alone: `127.0.0.1`, `::1`.
  public var host: String {
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    switch family {
    case .v4:
      var v4 = in_addr(s_addr: UInt32(truncatingIfNeeded: low))
      unsafe inet_ntop(AF_INET, &v4, &text, socklen_t(text.count))
    case .v6:
      var v6 = ipv6
      unsafe inet_ntop(AF_INET6, &v6, &text, socklen_t(text.count))
    }
    return string(text)
  }

  /// `127.0.0.1:80`, `[::1]:80`: what `init(_:)` reads.
  public var description: String { family == .v4 ? "\(host):\(port)" : "[\(host)]:\(port)" }

  // MARK: The kernel's form

  private var ipv6: in6_addr {
    var v6 = in6_addr()
    unsafe withUnsafeMutableBytes(of: &v6) {
      unsafe $0.storeBytes(of: low, as: UInt64.self)
      unsafe $0.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
    }
    return v6
  }

  private mutating func set(_ v6: in6_addr) {
    unsafe withUnsafeBytes(of: v6) {
      low = unsafe $0.loadUnaligned(as: UInt64.self)
      high = unsafe $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    }
  }

  /// `AF_INET` or `AF_INET6`.
  var domain: Int32 { family == .v4 ? AF_INET : AF_INET6 }

  /// Calls `body` with the address as system calls take it.
  @unsafe func withSystemAddress<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    var storage = sockaddr_storage()
    let length: Int
    switch family {
    case .v4:
      let v4 = sockaddr_in(
        sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
        sin_addr: in_addr(s_addr: UInt32(truncatingIfNeeded: low)), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: v4, as: sockaddr_in.self) }
      length = MemoryLayout<sockaddr_in>.size
    case .v6:
      let v6 = sockaddr_in6(
        sin6_family: sa_family_t(AF_INET6), sin6_port: port.bigEndian, sin6_flowinfo: 0, sin6_addr: ipv6,
        sin6_scope_id: scope)
      unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.storeBytes(of: v6, as: sockaddr_in6.self) }
      length = MemoryLayout<sockaddr_in6>.size
    }
    return unsafe withUnsafePointer(to: &storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
    }
  }

  /// The address that `fill` writes; nil when it fails or is of another family.
  @unsafe init?(filledBy fill: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Bool) {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let filled = unsafe withUnsafeMutablePointer(to: &storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe fill($0, &length) }
    }
    guard filled else { return nil }
    self.init(storage)
  }

  init?(_ storage: sockaddr_storage) {
    switch Int32(storage.ss_family) {
    case AF_INET:
      let v4 = unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(as: sockaddr_in.self) }
      self.init(.v4, port: UInt16(bigEndian: v4.sin_port))
      low = UInt64(v4.sin_addr.s_addr)
    case AF_INET6:
      let v6 = unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(as: sockaddr_in6.self) }
      self.init(.v6, port: UInt16(bigEndian: v6.sin6_port))
      set(v6.sin6_addr)
      scope = v6.sin6_scope_id
    default: return nil
    }
  }
}
