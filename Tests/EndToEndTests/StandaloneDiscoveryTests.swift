import Foundation
import TestSupport
import Testing

/// Namers in a proxy without a controller: real proxy, real services, real files and a real name server. As long as anything
/// could serve a request, it must be served.
@Suite(.serialized) struct StandaloneDiscoveryTests {
  /// A proxy, the folder of its file namer, and services.
  private final class World {
    let folder: ScratchFolder
    private let proxy: RunningProgram
    private var services: [RunningProgram] = []
    let address: String
    let admin: String

    /// - Parameter yaml: `dtab` and `namers`; FILES stands for the folder.
    init(_ yaml: String, in folder: ScratchFolder) throws {
      self.folder = folder
      try Self.write(yaml, in: folder)
      proxy = try RunningProgram("heddle-proxy", ["--config", folder.path + "/proxy.yaml"])
      address = try proxy.address("outbound")
      admin = try proxy.address("admin")
    }

    private static func write(_ yaml: String, in folder: ScratchFolder) throws {
      try """
      workers: 2
      outbound: {listen: 127.0.0.1:0}
      admin: {listen: 127.0.0.1:0}
      \(yaml.replacingOccurrences(of: "FILES", with: folder.path))
      """.write(toFile: folder.path + "/proxy.yaml", atomically: true, encoding: .utf8)
    }

    /// Starts a service that answers with its label; its port.
    func start(_ label: String, on listen: String = "127.0.0.1:0") throws -> String {
      let service = try RunningProgram(
        "heddle-demo-app", ["serve", "--listen", listen, "--version-label", label, "--delay", "0ms"])
      services.append(service)
      return String(try service.address("listen").split(separator: ":").last ?? "")
    }

    /// What a file says from now on; nil: it is gone.
    func file(_ name: String, _ text: String?) throws {
      let path = folder.path + "/" + name
      guard let text else { return try FileManager.default.removeItem(atPath: path) }
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    func status(_ host: String = "web") throws -> Int { try curl("-H", "Host: \(host)", "http://\(address)/").status }

    /// Who answers a request; there must be an answer.
    func ask(_ host: String = "web") throws -> String {
      let answer = try curl("-H", "Host: \(host)", "http://\(address)/")
      guard answer.status == 200 else { throw NeverHappened(description: "a request is answered: \(answer) \(proxy.text)") }
      return String(answer.body.split(separator: " ").first ?? "")
    }

    /// Sends requests until this one answers; each of them must be answered.
    func untilAnswered(by label: String) throws { try eventually("\(label) answers") { try ask() == label ? () : nil } }

    /// Has the proxy read its file again, as an operator does.
    func reload(_ yaml: String) throws {
      try Self.write(yaml, in: folder)
      proxy.signal(SIGHUP)
    }
  }

  @Test func aChangedFileMovesTheRequests() throws {
    let world = try World("dtab: /svc => /#/io.l5d.fs\nnamers: [{kind: io.l5d.fs, rootDir: FILES}]", in: ScratchFolder())
    let (one, two) = (try world.start("one"), try world.start("two"))
    #expect(try world.status() == 502, "there is no such name yet")
    try world.file("web", "127.0.0.1 \(one)\n")
    try eventually("the file is seen") { try world.status() == 200 ? () : nil }
    #expect(try world.ask() == "one")

    try world.file("web", "127.0.0.1 \(two)\n")
    try world.untilAnswered(by: "two")

    // What cannot be read takes nothing away, and says why.
    try world.file("web", "127.0.0.1 port\n")
    try eventually("the mistake is seen") {
      try curl("http://\(world.admin)/metrics").body.contains("heddle_namer_failures_total{namer=\"/#/io.l5d.fs\"} 0\n") ? nil : ()
    }
    #expect(try world.ask() == "two")

    // A weight of 0 takes no requests.
    try world.file("web", "127.0.0.1 \(one)\n127.0.0.1 \(two) * 0\n")
    try world.untilAnswered(by: "one")
    for _ in 0..<10 { #expect(try world.ask() == "one") }

    // Gone for good: the grace is a second.
    try world.file("web", nil)
    try eventually("the name is gone") { try world.status() == 502 ? () : nil }
  }

  @Test(.enabled(if: Dnsmasq.isInstalled)) func addressesOfAHostAreFollowed() throws {
    let server = try Dnsmasq()
    let keys = "servers: ['\(server.address)'], ipv6: false, minTTL: 100ms, maxTTL: 1s, grace: 200ms"
    let folder = try ScratchFolder()
    // The port is known only when the first service runs, and the rules are taken over by a reload.
    let namers = "namers: [{kind: io.l5d.dns, \(keys)}, {kind: io.l5d.dnssrv, \(keys)}, {kind: io.l5d.inet, \(keys)}]"
    let world = try World(namers, in: folder)
    let port = try world.start("one")
    _ = try world.start("two", on: "127.0.0.2:\(port)")
    try server.hosts("127.0.0.1 web.test\n127.0.0.2 other.test\n")
    try server.start("srv-host=_http._tcp.web.test,web.test,\(port)")
    try world.reload(
      """
      dtab: |
        /svc/web => /#/io.l5d.dns/web.test/\(port) ;
        /svc/record => /#/io.l5d.dnssrv/_http._tcp.web.test ;
        /svc/direct => /$/inet/other.test/\(port)
      \(namers)
      """)
    try eventually("the rules run") { try world.status() == 200 ? () : nil }
    #expect(try world.ask() == "one")
    #expect(try world.ask("record") == "one")
    #expect(try world.ask("direct") == "two")

    try server.hosts("127.0.0.2 web.test\n127.0.0.2 other.test\n")
    try world.untilAnswered(by: "two")

    // Without a name server what was bound stays.
    server.stop()
    try eventually("the failure is seen") {
      try curl("http://\(world.admin)/metrics").body.contains("heddle_namer_failures_total{namer=\"/#/io.l5d.dns\"} 0\n") ? nil : ()
    }
    #expect(try world.ask() == "two")
  }

  @Test func namesAreRewrittenAndAddressesTakenAsTheyStand() throws {
    let namers = """
      namers:
        - {kind: io.l5d.fs, rootDir: FILES}
        - {kind: io.l5d.rewrite, prefix: /prod, pattern: '/{service}', name: '/#/io.l5d.fs/{service}-prod'}
      """
    let world = try World("dtab: /svc => /#/prod\n\(namers)", in: ScratchFolder())
    let (one, two) = (try world.start("one"), try world.start("two"))
    try world.file("web-prod", "127.0.0.1 \(one)\n")
    #expect(try world.ask() == "one")
    let explanation = try curl("http://\(world.admin)/resolve?name=/svc/web").body
    #expect(explanation.contains("/#/prod/web") && explanation.contains("127.0.0.1:\(one)"), "\(explanation)")
    try world.file("web-prod", "127.0.0.1 \(two)\n")
    try world.untilAnswered(by: "two")

    // Namers go on over a reload, and so do the requests.
    try world.reload("dtab: /svc => /#/prod ; /svc/direct => /$/inet/\(one) ; /svc/local => /$/inet/localhost/\(one)\n\(namers)")
    try eventually("the new rules run") { () -> Void? in
      #expect(try world.ask() == "two")
      return try world.status("direct") == 200 ? () : nil
    }
    #expect(try world.ask("direct") == "one")
    #expect(try world.ask("local") == "one")
    try world.file("web-prod", "127.0.0.1 \(one)\n")
    try world.untilAnswered(by: "one")
  }

  @Test func filesAndRulesChangeUnderLoadAndNoRequestIsLost() throws {
    func yaml(_ prefix: String) -> String {
      "dtab: /svc => /#/\(prefix)\nnamers: [{kind: io.l5d.fs, prefix: /\(prefix), rootDir: FILES, grace: 1h}]"
    }
    let world = try World(yaml("a"), in: ScratchFolder())
    let (one, two) = (try world.start("one"), try world.start("two"))
    let lines = ["127.0.0.1 \(one)\n", "127.0.0.1 \(two)\n", "127.0.0.1 \(one)\n127.0.0.1 \(two) * 3\n", "127.0.0.1 port\n", nil]
    try world.file("web", lines[0])
    let callers = try Callers(4, through: world.address, host: "web")
    try eventually("all are calling") { callers.seen.total >= 100 ? () : nil }
    var random = SeededNumbers(seed: 13)
    for change in 0..<100 {
      // Some tools remove a file and write it anew.
      if let text = lines.randomElement(using: &random) ?? nil {
        try world.file("web", text)
      } else {
        try world.file("web", nil)
        let seen = callers.seen.total
        try eventually("requests flow without the file") { callers.seen.total >= seen + 4 ? () : nil }
        try world.file("web", lines[change % 2])
      }
      if change % 10 == 9 {
        let prefix = "p\(change)"
        // The next namer must be able to read it: the last one's word ends with its prefix.
        try world.file("web", lines[2])
        try world.reload(yaml(prefix))
        try eventually("change \(change) runs") {
          try curl("http://\(world.admin)/routes").body.contains("/#/\(prefix)\"") ? () : nil
        }
      }
      let seen = callers.seen.total
      try eventually("requests flow after change \(change)") { callers.seen.total >= seen + 4 ? () : nil }
    }
    let counts = try callers.stop()
    #expect(counts.failed == [])
    #expect(counts.refused == 0)
    #expect(Set(counts.answered.keys) == ["one", "two"])
  }
}
