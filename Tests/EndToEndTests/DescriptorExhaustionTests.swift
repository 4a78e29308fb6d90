import Foundation
import Serving
import Synchronization
import SystemIO
import Testing

/// A proxy without free descriptors rests, and serves again by itself.
@Suite(.serialized) struct DescriptorExhaustionTests {
  @Test func recoversByItselfAndDoesNotSpin() throws {  // item 94
    let mesh = try Mesh()
    try mesh.register("web", try mesh.startService("v1").address)
    let proxy = try mesh.startProxy("edge", descriptors: 40)
    try mesh.route("/svc", "/#/registry")
    #expect(try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200)

    var callers = try (0..<100).map { _ in try HeldConnection(to: proxy.address) }
    // On the way there every caller that the proxy could take asked for something.
    for caller in callers { caller.send("GET / HTTP/1.1\r\nHost: web\r\n\r\n") }
    try eventually("descriptors are used up") { try proxy.program.openDescriptors() >= 40 ? () : nil }

    // A loop that runs into the same error again and again would use all of the time it gets.
    let before = try proxy.program.cpuSeconds()
    usleep(3_000_000)
    let used = try proxy.program.cpuSeconds() - before
    #expect(used < 0.5, "\(used) s of processor time in 3 s of rest")
    #expect(proxy.program.isRunning, "\(proxy.program.text)")

    callers = []
    try eventually("it serves again") { try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200 ? () : nil }
    for _ in 0..<20 { #expect(try curl("-H", "Host: web", "http://\(proxy.address)/").status == 200) }
    #expect(try curl("http://\(proxy.admin)/readyz").status == 200)
    // Its stream lives, or came back: a change still reaches it.
    try eventually("it is synced") { try mesh.proxyStatus("edge")?["state"] as? String == "synced" ? () : nil }
    try mesh.route("/svc/after", "/#/registry/web")
    #expect(try curl("-H", "Host: after", "http://\(proxy.address)/").status == 200)
  }
}

/// A connection that stays open for as long as it is held.
private final class HeldConnection {
  private let socket: Socket

  init(to address: String) throws {
    guard let address = SocketAddress(address) else { throw NeverHappened(description: "'\(address)' is an address") }
    socket = try Socket.connect(to: address)
  }

  /// Best effort: the other end may never take it.
  func send(_ text: String) {
    let bytes = Array(text.utf8)
    _ = socket.send(bytes.span)
  }
}
