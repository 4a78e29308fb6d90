import Serving

@testable import Discovery

/// A fake source with the service `web`, told of in the same way whatever its kind.
struct SampleSource: Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case consul, marathon, swarm, etcd
  }

  let server: FakeServer
  /// Keys of the namer beside its URL.
  let keys: String
  let name: String
  private let port: Int
  /// Sets the hosts of `web`.
  let set: @Sendable (_ hosts: [String]) -> Void
  /// What it answers to a list when nothing is there: right in form, and wrong to believe when the answer was cut.
  let nothing: String
  /// JSON that is none of its answers.
  let strange: [String]

  func addresses(_ hosts: [String]) -> [String] { hosts.map { "\($0):\(port)" } }

  /// A namer that asks this source, perhaps through a link.
  func discovering(through link: FaultyLink? = nil, grace: String = "0s") throws -> Discovering {
    try Discovering("\(keys)\nurl: \(link?.url ?? server.url)", grace: grace)
  }

  init(_ kind: Kind) throws {
    switch kind {
    case .consul:
      let consul = try FakeConsul()
      self.init(
        consul.server, "kind: io.l5d.consul", "/#/io.l5d.consul/dc1/web", port: 80, nothing: "[]",
        strange: ["{}", "3", #"[{"Service":3}]"#]
      ) { hosts in consul.set("web", hosts.map { FakeConsul.instance($0) }) }
    case .marathon:
      let marathon = try FakeMarathon()
      self.init(
        marathon.server, "kind: io.l5d.marathon\nttlMs: 100", "/#/io.l5d.marathon/web", port: 31000,
        nothing: #"{"apps":[]}"#, strange: ["{}", "[]", #"{"apps":3}"#]
      ) { hosts in marathon.set("/web", hosts.map { FakeMarathon.task($0) }) }
    case .swarm:
      let swarm = try FakeSwarm()
      let services = #"[{"ID":"s1","Spec":{"Name":"web"},"Endpoint":{"Ports":[{"Name":"http","TargetPort":80}]}}]"#
      self.init(
        swarm.server, "kind: io.l5d.swarm\nperiod: 100ms", "/#/io.l5d.swarm/web/80", port: 80, nothing: "[]",
        strange: ["{}", "3", #"{"message":"no manager"}"#]
      ) { hosts in swarm.set(services: services, tasks: hosts.map { FakeSwarm.task("\($0)/24") }) }
    case .etcd:
      let etcd = try FakeEtcd()
      self.init(
        etcd.server, "kind: io.l5d.etcd", "/#/io.l5d.etcd/web", port: 80, nothing: #"{"header":{"revision":"1"}}"#,
        strange: ["{}", "[]", #"{"header":{"revision":"x"}}"#, #"{"header":{"revision":"1"},"kvs":[{"key":"!"}]}"#]
      ) { hosts in etcd.set("/heddle/web", hosts.map { "\($0):80" }) }
    }
  }

  private init(
    _ server: FakeServer, _ keys: String, _ name: String, port: Int, nothing: String, strange: [String],
    _ set: @escaping @Sendable ([String]) -> Void
  ) {
    self.server = server
    self.keys = keys
    self.name = name
    self.port = port
    self.nothing = nothing
    self.strange = strange
    self.set = set
  }
}
