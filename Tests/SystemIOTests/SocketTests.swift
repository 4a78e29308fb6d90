import Glibc
import Memory
import SystemIO
import Testing

@Suite struct SocketTests {
  @Test(arguments: hasIPv6 ? [false, true] : [false]) func carriesBytesBothWays(ipv6: Bool) throws {
    let pair = try Pair(ipv6: ipv6)
    check(pair.client.localAddress() == pair.clientAddress && pair.server.peerAddress() == pair.clientAddress)
    check(pair.server.localAddress() == pair.client.peerAddress() && pair.client.connectError() == 0)
    var out = ByteBuffer()
    out.append("..hello" as StaticString)
    check(pair.client.send(out, from: 2) == .bytes(5) && out.count == 7)
    _ = try wait(for: .read, pair.server.descriptor)
    var input = ByteBuffer()
    check(pair.server.receive(into: &input, atMost: 3) == .bytes(3))
    check(pair.server.receive(into: &input, atMost: 100) == .bytes(2))
    check(pair.server.receive(into: &input, atMost: 100) == .wouldBlock)
    check(input.array == Array("hello".utf8))
    check(pair.server.send(input.span) == .bytes(5))
    _ = try wait(for: .read, pair.client.descriptor)
    check(pair.client.receive(into: &out, atMost: 100) == .bytes(5) && out.count == 12)
  }

  @Test func nothingIsNoEndOfFile() throws {
    let pair = try Pair()
    var empty = ByteBuffer()
    check(pair.client.receive(into: &empty, atMost: 0) == .bytes(0))
    check(pair.client.send(empty) == .bytes(0) && pair.client.send(empty.span) == .bytes(0))
    check(pair.client.send(empty, then: empty.span) == .bytes(0))
  }

  @Test func sendsTwoPartsInOneCall() throws {
    let pair = try Pair()
    var head = ByteBuffer()
    head.append("xhead" as StaticString)
    let body = Array("body".utf8)
    check(pair.client.send(head, from: 1, then: body.span) == .bytes(8))
    check(pair.client.send(head, from: 5, then: body.span) == .bytes(4))
    let nothing: [UInt8] = []
    check(pair.client.send(head, from: 3, then: nothing.span) == .bytes(2))
    _ = try wait(for: .read, pair.server.descriptor)
    var input = ByteBuffer()
    while input.count < 14, case .bytes = pair.server.receive(into: &input, atMost: 100) {}
    check(input.array == Array("headbodybodyad".utf8))
  }

  @Test func aFullPeerTakesAPartAndThenBlocks() throws {
    let pair = try Pair()
    try pair.client.setSendBuffer(bytes: 8192)
    let block = [UInt8](repeating: 1, count: 1 << 20)
    var sent = 0
    var last = IOResult.bytes(0)
    while case .bytes(let n) = last {
      sent += n
      last = pair.client.send(block.span)
    }
    check(last == .wouldBlock && sent > 0)
    var input = ByteBuffer()
    var received = 0
    while received < sent {
      let ready = try wait(for: .read, pair.server.descriptor)
      check(ready.contains(.readable))
      guard case .bytes(let n) = pair.server.receive(into: &input, atMost: 65_536) else { break }
      received += n
      input.removeAll()
    }
    check(received == sent)
  }

  @Test func tellsTheEndOfFileAfterTheLastByte() throws {
    let pair = try Pair()
    let byte: [UInt8] = [1]
    check(pair.client.send(byte.span) == .bytes(1))
    pair.client.shutdownWrite()
    let ready = try wait(for: [.read, .edgeTriggered], pair.server.descriptor)
    check(ready.contains(.readable))
    var input = ByteBuffer()
    check(pair.server.receive(into: &input, atMost: 10) == .bytes(1))
    _ = try wait(for: .read, pair.server.descriptor)
    check(pair.server.receive(into: &input, atMost: 10) == .endOfFile)
    check(pair.server.send(byte.span) == .bytes(1))  // the other direction lives on
  }

  @Test func writingToAGonePeerIsAnErrorAndNoSignal() throws {
    let pair = try Pair()
    let server = pair.server.descriptor
    pair.client.setReset()
    _ = shutdown(server, Int32(SHUT_WR))
    let byte: [UInt8] = [1]
    check(pair.server.send(byte.span) == .failed(EPIPE))
    check(pair.server.send(byte.span) == .failed(EPIPE))
  }

  @Test func closingAfterSetResetResets() throws {
    let server = try resetPair()
    defer { close(server) }
    let events = try wait(for: .read, server)
    check(events.contains(.error) && events.contains(.hangup))
    var byte: UInt8 = 0
    check(unsafe recv(server, &byte, 1, 0) == -1 && errno == ECONNRESET)
  }

  /// The server's end of a connection whose client was closed after `setReset`.
  private func resetPair() throws -> Int32 {
    let pair = try Pair()
    pair.client.setReset()
    return dup(pair.server.descriptor)
  }

  @Test func seesWhetherAnIdleConnectionIsStillGood() throws {
    let quiet = try Pair()
    check(!quiet.client.pendingEndOfFile())
    let byte: [UInt8] = [1]
    _ = quiet.server.send(byte.span)
    _ = try wait(for: .read, quiet.client.descriptor)
    check(quiet.client.pendingEndOfFile())
    var input = ByteBuffer()
    check(quiet.client.receive(into: &input, atMost: 9) == .bytes(1))  // it only looked
    check(!quiet.client.pendingEndOfFile())
    quiet.server.shutdownWrite()
    _ = try wait(for: .read, quiet.client.descriptor)
    check(quiet.client.pendingEndOfFile())
  }

  @Test func saysThatNobodyListens() throws {
    let address = try {
      let listener = try Socket.listen(on: .loopback(port: 0), reusePort: false)
      return try listener.address()
    }()
    let socket = try Socket.connect(to: address)
    let ready = try wait(for: .write, socket.descriptor)
    check(ready.contains(.error) && socket.connectError() == ECONNREFUSED)
    #expect(SystemError(code: ECONNREFUSED, call: "connect").description == "connect: Connection refused (111)")
  }

  @Test func sharesAPortOnlyWhenAsked() throws {
    let first = try Socket.listen(on: .loopback(port: 0))
    let address = try first.address()
    _ = try Socket.listen(on: address)
    do throws(SystemError) {
      _ = try Socket.listen(on: address, reusePort: false)
      Issue.record("two listeners")
    } catch {
      #expect(error == SystemError(code: EADDRINUSE, call: "bind"))
    }
  }

  @Test func settingsReachTheKernelAndAcceptedSockets() throws {
    let pair = try Pair()
    try pair.client.setKeepAlive(idle: 30, interval: 10, count: 3)
    try pair.client.setUserTimeout(milliseconds: 20_000)
    try pair.client.setReceiveBuffer(bytes: 65_536)
    func option(_ fd: Int32, _ level: Int32, _ name: Int32) -> Int32 {
      var value: Int32 = -1
      var length: socklen_t = 4
      return unsafe getsockopt(fd, level, name, &value, &length) == 0 ? value : -1
    }
    let client = pair.client.descriptor
    let server = pair.server.descriptor
    let tcp = Int32(IPPROTO_TCP)
    check(option(client, SOL_SOCKET, SO_KEEPALIVE) == 1 && option(client, tcp, TCP_KEEPIDLE) == 30)
    check(option(client, tcp, TCP_KEEPINTVL) == 10 && option(client, tcp, TCP_KEEPCNT) == 3)
    check(option(client, tcp, TCP_USER_TIMEOUT) == 20_000 && option(client, SOL_SOCKET, SO_RCVBUF) >= 65_536)
    check(option(client, tcp, TCP_NODELAY) == 1 && option(server, tcp, TCP_NODELAY) == 1)
    for fd in [client, server] {
      check(fcntl(fd, F_GETFL) & O_NONBLOCK != 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC != 0)
    }
  }

  @Test func acceptsNothingWhenNobodyWaits() throws {
    let listener = try Socket.listen(on: .loopback(port: 0))
    guard case .wouldBlock = listener.accept() else { Issue.record("accepted"); return }
  }

  @Test func closesWithItsScope() async {
    await #expect(processExitsWith: .success) {  // its own process: no other test opens or closes
      let before = processStats().openDescriptors
      for _ in 0..<20 { _ = try Pair() }
      // 60 sockets were made. The test harness itself opens one now and then.
      guard processStats().openDescriptors < before + 10 else { exit(2) }
    }
  }

  @Test func runningOutOfDescriptorsIsACaseOfItsOwn() async {
    await #expect(processExitsWith: .success) {
      let listener = try Socket.listen(on: .loopback(port: 0))
      let client = try Socket.connect(to: try listener.address())
      _ = try wait(for: .read, listener.descriptor)
      var limit = rlimit(rlim_cur: rlim_t(client.descriptor + 1), rlim_max: rlim_t(client.descriptor + 1))
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      guard case .exhausted(EMFILE) = listener.accept() else { exit(1) }
      guard case .exhausted(EMFILE) = listener.accept() else { exit(1) }  // it still waits
    }
  }
}
