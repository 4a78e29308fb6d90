import SystemIO
import Testing

@testable import Discovery

@Suite struct SwarmNamerTests {
  private let swarm: FakeSwarm
  private let name = "/#/io.l5d.swarm/shop_web/80"
  private let services = """
    [{"ID":"s1","Spec":{"Name":"shop_web"},"Endpoint":{"Ports":[{"Name":"http","TargetPort":80,"PublishedPort":30000}]}},
     {"ID":"s2","Spec":{"Name":"plain"}}, {"ID":7}]
    """

  init() throws {
    swarm = try FakeSwarm()
    swarm.set(services: services, tasks: [FakeSwarm.task("10.0.1.5/24"), FakeSwarm.task("10.0.1.6/24"), FakeSwarm.task("10.0.1.7/24", state: "starting")])
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
    swarm.set(tasks: [FakeSwarm.task("10.0.1.9/24")])
    #expect(await discovering.sees(name, bound: ["10.0.1.9:80"]))
  }

  @Test func pollsForWhatNoEventTells() async throws {
    let discovering = try discovering("period: 100ms")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
    swarm.set(tasks: [FakeSwarm.task("10.0.1.9/24")], telling: false)
    #expect(await discovering.sees(name, bound: ["10.0.1.9:80"]))
  }

  @Test func portsPublishedOnNodesAndCorruptTasks() async throws {
    let published = #","PortStatus":{"Ports":[{"TargetPort":80,"PublishedPort":32768}]}"#
    let bare = """
      {"ServiceID":"s2","NodeID":"n1","DesiredState":"running","Status":{"State":"running"\(published)}}
      """
    swarm.set(tasks: [bare, FakeSwarm.task("nonsense"), FakeSwarm.task("10.0.1.5/24")])
    let discovering = try discovering()
    #expect(await discovering.wants("/#/io.l5d.swarm/plain/80", bound: ["192.168.0.1:32768"]))
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80"]))
    let elsewhere = try self.discovering("network: other")
    #expect(await elsewhere.want(name) { $0.state == .failed } != nil)
  }

  @Test func speaksToASocketFile() async throws {
    let file = "/tmp/heddle-\(try randomSeed()).sock"
    defer { try? removeFile(file) }
    let link = try FaultyLink(to: swarm.server.address, listeningAt: file)
    defer { link.end() }
    let discovering = try Discovering("kind: io.l5d.swarm\nurl: unix://\(file)\nperiod: 100ms")
    #expect(await discovering.wants(name, bound: ["10.0.1.5:80", "10.0.1.6:80"]))
  }
}
