import MeshProtocol
import SystemIO
import Testing

@testable import Discovery

/// A segment is any bytes, `\xHH` in writing. Whatever they are, a namer asks for what the name says or for nothing: no byte leads
/// to another path, query or field, and no two names are one.
@Suite struct EscapedNameTests {
  /// Every byte within a segment, and what has fooled others.
  private static let segments: [[UInt8]] =
    (0...255).map { Array("web".utf8) + [UInt8($0)] + Array("x".utf8) }
    + [
      ".", "..", "../web", "web/../web", "/", "web/", "%2e%2e", "%2fweb", "web%00", "web\0", "web?dc=dc2", "web#x", "web\r\nX-Evil: 1",
      "\u{212a}ube", "\u{130}", "é", "\u{202e}bew", "*", "$", "~", "!", " ", "web;web", "web|web", "web&web",
      String(repeating: "w", count: 3000),
    ].map { Array($0.utf8) }
    + [[0xff], [0xfe, 0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xc0, 0xae, 0xc0, 0xae], Array("web".utf8) + [0xe2, 0x28]]

  /// Names in which each of the segments stands for `_`.
  private static func names(_ form: String) throws -> [Path] {
    let parts = try Path(parsing: form).segments
    return segments.map { bytes in
      Path(segments: parts.map { $0.text == "_" ? Segment(bytes: bytes) ?? $0 : $0 })
    }
  }

  @Test func everyNameReadsBackAsItIsWritten() throws {
    for name in try Self.names("/#/io.l5d.fs/_/x") { #expect(path("\(name)") == name, "\(name)") }
  }

  private func check(_ form: String, _ discovering: Discovering, _ server: FakeServer? = nil) async throws {
    let names = try Self.names(form)
    for name in names { discovering.service.want(name) }
    for name in names {
      let state = await discovering.told.wait(name) { $0.state != .pending }
      #expect(state?.state == .negative && state?.endpoints.isEmpty == true, "\(name): \(String(describing: state))")
    }
    for request in server?.requests ?? [] {
      #expect(request.target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "\(request.target)")
      #expect(request.pathSegments?.contains { [".", ".."].contains($0) || $0.contains("/") } == false, "\(request.target)")
      #expect(request.headers["x-evil"] == nil)
    }
  }

  @Test(arguments: ["/#/io.l5d.consul/dc1/_", "/#/io.l5d.consul/_/web0"]) func consul(_ form: String) async throws {
    let consul = try FakeConsul()
    consul.set("\u{fffd}", [FakeConsul.instance("10.6.6.6")])
    try await check(form, Discovering("kind: io.l5d.consul\nurl: \(consul.server.url)"), consul.server)
    for request in consul.server.requests {
      #expect(request.pathSegments?.count == 4 && request.path.hasPrefix("/v1/health/service/"), "\(request.target)")
      #expect((request.queryItems ?? []).allSatisfy { ["dc", "passing", "index", "wait"].contains($0.name) }, "\(request.target)")
    }
  }

  @Test(arguments: ["/#/io.l5d.marathon/_", "/#/io.l5d.marathon/none/_/x"]) func marathon(_ form: String) async throws {
    let marathon = try FakeMarathon()
    marathon.set("/web/..", [FakeMarathon.task("10.6.6.6")])
    marathon.set("/web/../web", [FakeMarathon.task("10.6.6.6")])
    marathon.set("/\u{fffd}", [FakeMarathon.task("10.6.6.6")])
    try await check(form, Discovering("kind: io.l5d.marathon\nurl: \(marathon.server.url)"), marathon.server)
  }

  @Test(arguments: ["/#/io.l5d.swarm/_/80", "/#/io.l5d.swarm/web/_"]) func swarm(_ form: String) async throws {
    let swarm = try FakeSwarm()
    swarm.set(
      services: #"[{"ID":"s1","Spec":{"Name":"\#u{fffd}"}},{"ID":"s2","Spec":{"Name":"web"},"Endpoint":{"Ports":[{"TargetPort":1}]}}]"#,
      tasks: [FakeSwarm.task("10.6.6.6/24")])
    try await check(form, Discovering("kind: io.l5d.swarm\nurl: \(swarm.server.url)"), swarm.server)
  }

  @Test func etcd() async throws {
    let etcd = try FakeEtcd()
    for key in ["web/../web", "..", "\u{fffd}", "web/"] { etcd.set("/heddle/\(key)", ["10.6.6.6:80"]) }
    etcd.set("/heddle/none", ["10.6.6.6:80"])
    let discovering = try Discovering("kind: io.l5d.etcd\nurl: \(etcd.server.url)")
    let names = try Self.names("/#/io.l5d.etcd/_").filter { !["..", "\u{fffd}", "web"].contains($0.segments[2].text) }
    for name in names { discovering.service.want(name) }
    for name in names {
      #expect(await discovering.told.wait(name) { $0.state == .negative } != nil, "\(name)")
    }
    // Here a name is bytes, and one that is not written as a key cannot be another's.
    #expect(await discovering.wants("/#/io.l5d.etcd/\\x2e\\x2e", bound: ["10.6.6.6:80"]))
    #expect(await discovering.wants("/#/io.l5d.etcd/\\xef\\xbf\\xbd", bound: ["10.6.6.6:80"]))
    #expect(await discovering.want("/#/io.l5d.etcd/\\xff") { $0.state == .negative } != nil)
  }

  @Test(arguments: ["/#/io.l5d.k8s/prod/http/_", "/#/io.l5d.k8s/_/http/web", "/#/io.l5d.k8s/prod/_/web"])
  func kubernetes(_ form: String) async throws {
    let cluster = try FakeKubernetes()
    cluster.put(FakeKubernetes.services, FakeKubernetes.service("web", ports: #"[{"name":"grpc","port":1,"protocol":"TCP"}]"#))
    cluster.put(FakeKubernetes.services, FakeKubernetes.service("kube"))
    try await check(form, Discovering("kind: io.l5d.k8s\nurl: \(cluster.server.url)"), cluster.server)
  }

  @Test func files() async throws {
    let folder = try Folder()
    try folder.write("web", "10.6.6.6 80\n")
    try folder.write("\u{fffd}", "10.6.6.6 80\n")
    let discovering = try Discovering("kind: io.l5d.fs\nrootDir: \(folder.path)")
    let names = try Self.names("/#/io.l5d.fs/_")
    for name in names { discovering.service.want(name) }
    for name in names {
      let state = await discovering.told.wait(name) { $0.state != .pending }
      // The system may refuse what no file can be called.
      #expect(state?.state != .bound && state?.endpoints.isEmpty == true, "\(name): \(String(describing: state))")
    }
    try folder.write("web x&é", "10.0.0.1 80\n")
    #expect(await discovering.wants("/#/io.l5d.fs/web\\x20x\\x26\\xc3\\xa9", bound: ["10.0.0.1:80"]))
  }

  @Test(arguments: ["/#/io.l5d.dns/_/80", "/#/io.l5d.dns/127.0.0.1/_"]) func hosts(_ form: String) async throws {
    let discovering = try Discovering("kind: io.l5d.dns\nservers: ['127.0.0.1:9']")
    for name in try Self.names(form) {
      let host = name.segments[2].text
      if form.hasSuffix("80"), HostName(host) != nil {
        // A host's name as it stands: nothing was decoded or cut.
        #expect(host.utf8.allSatisfy { HostName.isNameByte($0) || $0 == UInt8(ascii: ".") }, "\(name)")
        continue
      }
      #expect(await discovering.want("\(name)") { $0.state == .negative } != nil, "\(name)")
    }
  }

  /// Only such nodes are asked of ZooKeeper as the segments say, letter for letter.
  @Test func serversets() throws {
    for bytes in Self.segments {
      let segment = try #require(Segment(bytes: bytes))
      let names = ServersetName(Path(segments: [try #require(Segment("shop")), segment])).candidates.filter { $0.taken == 2 }
      for candidate in names {
        let written = candidate.node + (candidate.endpoint.map { ":\($0)" } ?? "") + (candidate.shard.map { "#\($0)" } ?? "")
        #expect(Array(written.utf8) == Array("/shop/".utf8) + bytes, "\(segment)")
        #expect(!candidate.node.utf8.contains { $0 < 0x20 || $0 == 0x7f } && !candidate.node.hasSuffix("/.."), "\(segment)")
      }
    }
  }

  /// What is legal in a source has its name.
  @Test func whatIsThereIsFoundByItsEscapedName() async throws {
    let odd = "web x&%2f?é"
    let written = try #require(Segment(odd)).description
    let consul = try FakeConsul()
    consul.set(odd, [FakeConsul.instance("10.0.0.1")])
    #expect(
      await (try Discovering("kind: io.l5d.consul\nurl: \(consul.server.url)")).wants(
        "/#/io.l5d.consul/dc1/\(written)", bound: ["10.0.0.1:80"]))
    let marathon = try FakeMarathon()
    marathon.set("/shop/\(odd)", [FakeMarathon.task("10.0.0.1")])
    #expect(
      await (try Discovering("kind: io.l5d.marathon\nurl: \(marathon.server.url)")).wants(
        "/#/io.l5d.marathon/shop/\(written)", bound: ["10.0.0.1:31000"]))
    let swarm = try FakeSwarm()
    swarm.set(
      services: #"[{"ID":"s1","Spec":{"Name":"\#(odd)"},"Endpoint":{"Ports":[{"TargetPort":80}]}}]"#,
      tasks: [FakeSwarm.task("10.0.0.1/24")])
    #expect(
      await (try Discovering("kind: io.l5d.swarm\nurl: \(swarm.server.url)")).wants(
        "/#/io.l5d.swarm/\(written)/80", bound: ["10.0.0.1:80"]))
    let etcd = try FakeEtcd()
    etcd.set("/heddle/\(odd)", ["10.0.0.1:80"])
    #expect(
      await (try Discovering("kind: io.l5d.etcd\nurl: \(etcd.server.url)")).wants(
        "/#/io.l5d.etcd/\(written)", bound: ["10.0.0.1:80"]))
  }
}
