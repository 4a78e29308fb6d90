import Glibc

/// The TCP addresses of `host`, a name or an address, with `port`, in the system's order (RFC 6724) and without
/// doubles. Blocks for as long as the system's resolver takes: for the control side and the command line, never in a
/// loop that serves requests.
public func resolve(host: String, port: UInt16) throws(SystemError) -> [SocketAddress] {
  if let literal = SocketAddress(host: host, port: port) { return [literal] }
  if host.isEmpty || host.utf8.contains(0) { throw SystemError(code: EAI_NONAME, call: "getaddrinfo") }
  var hints = unsafe addrinfo()
  unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
  unsafe hints.ai_flags = AI_ADDRCONFIG
  var found: UnsafeMutablePointer<addrinfo>?
  let code = unsafe getaddrinfo(host, nil, &hints, &found)
  if code == EAI_SYSTEM { throw .last("getaddrinfo") }
  if code != 0 { throw SystemError(code: code, call: "getaddrinfo") }
  defer { unsafe freeaddrinfo(found) }
  var addresses: [SocketAddress] = []
  var next = unsafe found
  while let entry = unsafe next {
    unsafe next = entry.pointee.ai_next
    guard let address = unsafe address(of: entry.pointee, port: port), !addresses.contains(address) else { continue }
    addresses.append(address)
  }
  if addresses.isEmpty { throw SystemError(code: EAI_NONAME, call: "getaddrinfo") }
  return addresses
}

@unsafe private func address(of entry: addrinfo, port: UInt16) -> SocketAddress? {
  let length = unsafe Int(entry.ai_addrlen)
  guard let source = unsafe entry.ai_addr, length <= MemoryLayout<sockaddr_storage>.size else { return nil }
  var storage = sockaddr_storage()
  unsafe withUnsafeMutableBytes(of: &storage) {
    unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
  }
  var address = SocketAddress(storage)
  address?.port = port
  return address
}
