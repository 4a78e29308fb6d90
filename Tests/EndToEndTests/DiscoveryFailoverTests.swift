import Foundation
import Testing

/// Failover from one service discovery to another: Kubernetes before Consul, real controller, real proxy, real processes
/// behind both. No request may fail on the way, there and back.
@Suite(.serialized) struct DiscoveryFailoverTests {
  /// One service in two systems, and the rule that puts one before the other.
  private struct World {
    let kubernetes: FakeDiscovery
    let consul: FakeDiscovery
    let mesh: Mesh
    let pod: (program: RunningProgram, address: String)
    let proxy: (program: RunningProgram, address: String, admin: String)

    /// - Parameter grace: how long Kubernetes' "no endpoints" must stand.
    init(grace: String) throws {
      (kubernetes, consul) = (try FakeDiscovery(), try FakeDiscovery())
      mesh = try Mesh(
        controller: """
          namers:
            - kind: io.l5d.k8s
              url: http://\(kubernetes.address)
              grace: \(grace)
            - kind: io.l5d.consul
              url: http://\(consul.address)
          """)
      pod = try mesh.startService("kubernetes")
      try kubernetes.list([pod.address])
      let instance = try mesh.startService("consul")
      try consul.list([instance.address])
      proxy = try mesh.startProxy("edge")
      try mesh.route("/svc/web", "/#/io.l5d.k8s/prod/http/web | /#/io.l5d.consul/.local/web")
      // The first requests make the proxy ask for both names; a stand-by without an answer is not waited for.
      let (url, admin) = ("http://\(proxy.address)/", proxy.admin)
      try eventually("the proxy knows both") { () -> Bool? in
        guard try curl("-H", "Host: web", url).status == 200 else { return nil }
        let known = try curl("http://\(admin)/endpoints").body
        return known.contains(pod.address) && known.contains(instance.address) ? true : nil
      }
    }

    /// Sends one request, which must be answered; who answered it.
    func ask() throws -> String {
      let answer = try curl("-H", "Host: web", "http://\(proxy.address)/")
      guard answer.status == 200 else { throw NeverHappened(description: "a request is answered: \(answer)") }
      return answer.body.contains("consul") ? "consul" : answer.body.contains("kubernetes") ? "kubernetes" : answer.body
    }

    /// Sends requests until this one answers; each of them must be answered.
    func untilAnswered(by label: String) throws {
      try eventually("\(label) answers") { try ask() == label ? () : nil }
    }

    /// What the controller says of Kubernetes' name.
    func kubernetesName() throws -> String {
      try curl(mesh.url("/namespaces/default/resolve?name=/%23/io.l5d.k8s/prod/http/web")).body
    }
  }

  @Test func aDeadEndpointYieldsToTheOtherSystemAndComesBack() throws {
    let world = try World(grace: "30s")
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }

    // Kubernetes goes on listing the pod: the proxy finds out.
    world.pod.program.kill()
    _ = try world.pod.program.exitCode()
    for _ in 0..<20 { #expect(try world.ask() == "consul") }

    // Its successor has another address.
    let successor = try world.mesh.startService("kubernetes")
    try world.kubernetes.list([successor.address])
    try world.untilAnswered(by: "kubernetes")
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }
  }

  @Test func noEndpointsYieldToTheOtherSystemAfterTheGraceAndComeBack() throws {
    let world = try World(grace: "500ms")
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }

    // The pod runs on: only what Kubernetes says moves the requests.
    try world.kubernetes.list([])
    try world.untilAnswered(by: "consul")
    for _ in 0..<20 { #expect(try world.ask() == "consul") }
    #expect(world.pod.program.isRunning)
    let held = try curl("http://\(world.mesh.rest)/metrics").body.contains(
      "heddle_namer_held_back_total{namer=\"/#/io.l5d.k8s\"} 1\n")
    #expect(held, "the empty answer waited for the grace")

    try world.kubernetes.list([world.pod.address])
    try world.untilAnswered(by: "kubernetes")
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }
  }

  @Test func aDeadDiscoverySystemMovesNothingUntilItsEndpointsDie() throws {
    let world = try World(grace: "0s")
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }

    try world.kubernetes.kill()
    try eventually("the controller notices") {
      try curl("http://\(world.mesh.rest)/metrics").body.split(separator: "\n").contains {
        $0.hasPrefix("heddle_namer_failures_total{namer=\"/#/io.l5d.k8s\"}") && !$0.hasSuffix(" 0")
      } ? () : nil
    }
    #expect(try world.kubernetesName().contains(world.pod.address))
    for _ in 0..<20 { #expect(try world.ask() == "kubernetes") }

    world.pod.program.kill()
    _ = try world.pod.program.exitCode()
    for _ in 0..<20 { #expect(try world.ask() == "consul") }
  }
}
