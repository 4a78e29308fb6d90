import JSONFormat
import Memory
import Serving
import Synchronization
import SystemIO
import Testing

@testable import Discovery

/// A swarm manager's Engine as far as a namer sees it.
private final class FakeSwarm: Sendable {
  private struct State: Sendable {
    var services: JSON = []
    var tasks: JSON = []
    var nodes: JSON = #"[{"ID":"n1","Status":{"Addr":"192.168.0.1"}}]"#.asJSON
    var streams: [ResponseStream] = []
  }

  private let state = Mutex<State>(State())
  private let started = Mutex<FakeServer?>(nil)

  init() throws {
    let server = try FakeServer { [weak self] request, respond in self?.handle(request, respond) }
    started.withLock { $0 = server }
  }

  var server: FakeServer {
    guard let server = started.withLock({ $0 }) else { fatalError("not started") }
    return server
  }
  var streamCount: Int { state.withLock { $0.streams.filter(\.isOpen).count } }

  func set(services: String? = nil, tasks: [String], telling: Bool = true) {
    state.withLock { state in
      if let services { state.services = services.asJSON }
      state.tasks = "[\(tasks.joined(separator: ","))]".asJSON
      guard telling else { return }
      for stream in state.streams { _ = stream.send(Array(#"{"Type":"service","Action":"update"}"#.utf8)) }
    }
  }

  private func handle(_ request: HTTPRequest, _ respond: Responder) {
    let response: HTTPResponse = state.withLock { state in
      switch request.path.split(separator: "/").last {
      case "services": return .json(state.services)
      case "tasks": return .json(state.tasks)
      case "nodes": return .json(state.nodes)
      case "events":
        let stream = ResponseStream()
        state.streams.append(stream)
        return HTTPResponse(status: 200, body: .stream(stream))
      default: return HTTPResponse(status: 404)
      }
    }
    respond.respond(response)
  }
}

extension String {
  fileprivate var asJSON: JSON { json(self) }
}

private func task(_ address: String, service: String = "s1", state: String = "running", more: String = "") -> String {
  """
  {"ServiceID":"\(service)","NodeID":"n1","DesiredState":"running","Status":{"State":"\(state)"\(more)},
   "NetworksAttachments":[{"Network":{"Spec":{"Name":"ingress","Ingress":true}},"Addresses":["10.255.0.3/16"]},
    {"Network":{"Spec":{"Name":"shop"}},"Addresses":["\(address)"]}]}
  """
}

@Suite struct SwarmNamerTests {
  private let swarm: FakeSwarm
  private let name = "/#/io.l5d.swarm/shop_web/80"
  private let services = """
    [{"ID":"s1","Spec":{"Name":"shop_web"},"Endpoint":{"Ports":[{"Name":"http","TargetPort":80,"PublishedPort":30000}]}},
     {"ID":"s2","Spec":{"Name":"plain"}}, {"ID":7}]
    """

  init() throws {
    swarm = try FakeSwarm()
    swarm.set(services: services, tasks: [task("10.0.1.5/24"), task("10.0.1.6/24"), task("10.0.1.7/24", state: "starting")])
  }

  private func discovering(_ more: String = "") throws -> Discovering {
    try Discovering("kind: io.l5d.swarm\nurl: \(swarm.server.url)" + (more.isEmpty ? "" : "\n" + more))
  }

  @Test func bindsAndTellsEveryChange() async throws {
    let discovering = try discovering("period: 1h")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
    #expect(await discovering.wants("/#/io.l5d.swarm/shop_web/http", bound: ["10.0.1.5:80", "10.0.1.6:80"]))
    #expect(await discovering.wants("/#/io.l5d.swarm/plain/80", bound: []))
    #expect(await discovering.want("/#/io.l5d.swarm/shop_web/grpc") { $0.state == .negative } != nil)
    #expect(await discovering.want("/#/io.l5d.swarm/nobody/80") { $0.state == .negative } != nil)
    let swarm = swarm
    #expect(await eventually { swarm.streamCount == 1 })
    swarm.set(tasks: [task("10.0.1.9/24")])
    #expect(await discovering.sees(name, bound: ["10.0.1.9:80"]))
  }

  @Test func pollsForWhatNoEventTells() async throws {
    let discovering = try discovering("period: 100ms")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
    swarm.set(tasks: [task("10.0.1.9/24")], telling: false)
    #expect(await discovering.sees(name, bound: ["10.0.1.9:80"]))
  }

  @Test func portsPublishedOnNodesAndCorruptTasks() async throws {
    let published = #","PortStatus":{"Ports":[{"TargetPort":80,"PublishedPort":32768}]}"#
    let bare = """
      {"ServiceID":"s2","NodeID":"n1","DesiredState":"running","Status":{"State":"running"\(published)}}
      """
    swarm.set(tasks: [bare, task("nonsense"), task("10.0.1.5/24")])
    let discovering = try discovering()
    #expect(await discovering.wants("/#/io.l5d.swarm/plain/80", bound: ["192.168.0.1:32768"]))
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80"]))
    let elsewhere = try self.discovering("network: other")
    #expect(await elsewhere.want(name) { $0.state == .failed } != nil)
  }

  @Test(arguments: [Mood.refusing(503), .babbling("x"), .babbling("{}")])
  func keepsWhatWasBoundWhileTheEngineIsAway(mood: Mood) async throws {
    let discovering = try discovering("period: 100ms")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
    swarm.server.set(mood)
    let stale = await discovering.wait(name) { !$0.reason.isEmpty }
    #expect(stale?.has(["10.0.1.5:80", "10.0.1.6:80"]) == true)
    swarm.server.set(.up)
    #expect(await discovering.wait(name) { $0.reason.isEmpty && $0.version > stale?.version ?? 0 } != nil)
  }

  @Test func speaksToASocketFile() async throws {
    let file = "/tmp/heddle-\(try randomSeed()).sock"
    defer { try? removeFile(file) }
    let listener = try Socket.listen(atPath: file)
    let port = swarm.server.address.port
    let isOver = Flag()
    defer { isOver.raise() }
    startThread(name: "socket-file") { [listener] in
      while !isOver.isRaised {
        if case .connection(let socket, _) = listener.accept() { relay(socket, port: port, isOver) }
        pause()
      }
    }
    let discovering = try Discovering("kind: io.l5d.swarm\nurl: unix://\(file)\nperiod: 100ms")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
  }
}

private final class Flag: Sendable {
  private let value = Atomic<Bool>(false)
  var isRaised: Bool { value.load(ordering: .relaxed) }
  func raise() { value.store(true, ordering: .relaxed) }
}

private func pause() {
  guard let poller = try? Poller() else { return }
  _ = poller.wait(milliseconds: 2)
}

/// Carries bytes both ways between a connection and a port, on a thread of its own.
private func relay(_ one: consuming Socket, port: UInt16, _ isOver: Flag) {
  guard let other = try? Socket.connect(to: .loopback(port: port)) else { return }
  let pair = SocketPair(one, other)
  startThread(name: "relay") {
    while !isOver.isRaised, carry(pair.one, pair.other), carry(pair.other, pair.one) { pause() }
  }
}

private final class SocketPair: Sendable {
  let one: Socket
  let other: Socket
  init(_ one: consuming Socket, _ other: consuming Socket) {
    self.one = one
    self.other = other
  }
}

/// False at the end of either.
private func carry(_ from: borrowing Socket, _ to: borrowing Socket) -> Bool {
  var buffer = ByteBuffer()
  switch from.receive(into: &buffer, atMost: 65_536) {
  case .bytes:
    while !buffer.isEmpty {
      switch to.send(buffer) {
      case .bytes(let count): buffer.removeFirst(count)
      case .wouldBlock: pause()
      case .endOfFile, .failed: return false
      }
    }
    return true
  case .wouldBlock: return true
  case .endOfFile, .failed: return false
  }
}
