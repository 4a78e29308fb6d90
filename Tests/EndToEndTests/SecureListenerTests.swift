import Foundation
import SystemIO
import TestSupport
import Testing

/// A proxy whose callers come over TLS, and curl with OpenSSL as the caller.
@Suite(.serialized) struct SecureListenerTests {
  /// A proxy in front of one service.
  private final class World {
    let folder = try! ScratchFolder()
    let authority: TestAuthority
    private let service: RunningProgram
    let proxy: RunningProgram
    let port: String

    /// - Parameter more: of `outbound.tls`; FILES stands for the folder.
    init(more: String = "", outbound: String = "") throws {
      authority = try TestAuthority("Servers")
      service = try RunningProgram(
        "heddle-demo-app", ["serve", "--listen", "127.0.0.1:0", "--version-label", "v1", "--delay", "0ms"])
      let target = try service.address("listen").split(separator: ":")
      try authority.certificate.write(to: folder, "servers.pem")
      try Self.write(try authority.leaf("web", names: ["DNS:web.test"]), to: folder, "web")
      try Self.write(try authority.leaf("api", names: ["DNS:*.api.test"]), to: folder, "api")
      let file = folder.path + "/proxy.yaml"
      try """
      dtab: /svc/* => /$/inet/\(target[0])/\(target[1])
      outbound:
        listen: 127.0.0.1:0
        \(outbound)
        tls:
          certificates:
            - {chain: FILES/web.pem, key: FILES/web.key}
            - {chain: FILES/api.pem, key: FILES/api.key}
          \(more)
      admin: {listen: 127.0.0.1:0}
      """.replacingOccurrences(of: "FILES", with: folder.path).write(toFile: file, atomically: true, encoding: .utf8)
      proxy = try RunningProgram("heddle-proxy", ["--config", file])
      port = String(try proxy.address("outbound").split(separator: ":")[1])
    }

    deinit { authority.remove() }

    static func write(_ leaf: TestAuthority.Leaf, to folder: ScratchFolder, _ name: String) throws {
      try leaf.certificate.write(to: folder, name + ".pem")
      try leaf.key.write(to: folder, name + ".key")
    }

    /// Asks over TLS and checks the proxy's certificate; the status 0 means that there was no answer.
    func get(_ host: String = "web.test", _ options: String...) throws -> CurlAnswer {
      let arguments = ["--cacert", folder.path + "/servers.pem", "--resolve", "\(host):\(port):127.0.0.1"]
      return try curl(all: arguments + options + ["https://\(host):\(port)/"])
    }

    func faults(_ reason: String) throws -> Int {
      let page = try curl("http://\(try proxy.address("admin"))/metrics").body
      let line = page.split(separator: "\n").first { $0.hasPrefix("heddle_tls_faults_total{reason=\"\(reason)\"}") }
      return line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? -1
    }
  }

  @Test func bothVersionsAndTheCertificateOfTheName() throws {
    let world = try World()
    for host in ["web.test", "one.api.test"] {
      let newer = try world.get(host, "--http2")
      #expect(newer.status == 200 && newer.head.hasPrefix("HTTP/2 200") && newer.body.hasPrefix("v1"), "\(newer)")
      let older = try world.get(host, "--http1.1")
      #expect(older.status == 200 && older.head.hasPrefix("HTTP/1.1 200"), "\(older)")
    }
    #expect(try world.get("other.test").status == 0)  // the first certificate, which is for another name
    #expect(try world.get("web.test", "--tls-max", "1.2").status == 200)
    let body = String(repeating: "0123456789abcdef", count: 1 << 16)
    for version in ["--http1.1", "--http2"] {
      #expect(try world.get("web.test", version, "--data-binary", "@" + body.file(in: world.folder)).status == 200)
    }
  }

  /// A caller that agrees on HTTP/2 and then speaks HTTP/1.1 is told GOAWAY (RFC 9113 §3.4); one that agrees on HTTP/1.1 is answered.
  @Test(arguments: [("h2", false), ("h2,http/1.1", false), ("http/1.1", true)])
  func whatTheHandshakeSettledIsSpoken(_ offer: String, _ isAnswered: Bool) throws {
    let world = try World()
    let request = "GET / HTTP/1.1\\r\\nhost: web.test\\r\\nconnection: close\\r\\n\\r\\n"
    let caller = try RunningProgram(
      "/bin/sh",
      ["-c", "printf '\(request)' | openssl s_client -quiet -alpn \(offer) -connect 127.0.0.1:\(world.port) -servername web.test"])
    _ = try caller.exitCode()
    #expect(caller.text.contains("HTTP/1.1 200") == isAnswered, "\(caller.text)")
    // After stream 0, for PROTOCOL_ERROR.
    let goAway = Frame.make(7, 0, 0, Frame.number(0) + Frame.number(1))
    #expect(caller.text.contains(String(decoding: goAway, as: UTF8.self)) != isAnswered, "\(caller.text)")
    #expect(caller.text.contains("HTTP/1.1") == isAnswered, "\(caller.text)")
    #expect(try world.get("web.test", "--http2").status == 200)
  }

  @Test func whatIsNoTLSIsRefusedAndCounted() throws {
    let world = try World()
    #expect(try curl("http://127.0.0.1:\(world.port)/").status == 0)
    #expect(try world.get("web.test", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0").status == 0)
    #expect(try curl("https://127.0.0.1:\(world.port)/").status == 0)  // it knows no authority that signed ours
    try eventually("all three are counted") {
      try world.faults("not_tls") == 1 && world.faults("nothing_in_common") == 1 && world.faults("alert") == 1 ? () : nil
    }
    #expect(try world.get().status == 200)
  }

  @Test func aHandshakeThatNeverComesIsGivenUp() throws {
    let world = try World(outbound: "timeouts: {head: 200ms}")
    let silent = try Socket.connect(to: SocketAddress("127.0.0.1:\(world.port)")!)
    try eventually("the connection is closed") { silent.pendingEndOfFile() ? () : nil }
    #expect(try world.get().status == 200)
  }

  @Test func callersProveWhoTheyAre() throws {
    let callers = try TestAuthority("Callers")
    let strangers = try TestAuthority("Strangers")
    defer { [callers, strangers].forEach { $0.remove() } }
    for (client, withoutOne) in [("required", 0), ("optional", 200)] {
      // The file is there before the proxy: its folder is another.
      let folder = try ScratchFolder()
      try callers.certificate.write(to: folder, "callers.pem")
      try World.write(try callers.leaf("app", names: ["DNS:app"], usage: "clientAuth"), to: folder, "app")
      try World.write(try strangers.leaf("app", names: ["DNS:app"], usage: "clientAuth"), to: folder, "stranger")
      let world = try World(more: "client_ca: \(folder.path)/callers.pem\n    client: \(client)")
      func ask(_ name: String) throws -> Int {
        try world.get("web.test", "--cert", "\(folder.path)/\(name).pem", "--key", "\(folder.path)/\(name).key").status
      }
      #expect(try ask("app") == 200)
      #expect(try ask("stranger") == 0)
      #expect(try world.get().status == withoutOne)
      try eventually("refused certificates are counted") {
        try world.faults("certificate_unknown_issuer") == 1
          && world.faults("certificate_missing") == (client == "required" ? 1 : 0) ? () : nil
      }
    }
  }

  @Test func replacedCertificatesAreTakenUpAndBadOnesAreNot() throws {
    let world = try World()
    let newer = try TestAuthority("Newer servers")
    defer { newer.remove() }
    #expect(try world.get().status == 200)
    try Array("no certificate".utf8).write(to: world.folder, "web.pem")
    world.proxy.signal(SIGHUP)
    try eventually("the fault is logged") { world.proxy.text.contains("web.pem") ? () : nil }
    #expect(try world.get().status == 200)

    try World.write(try newer.leaf("web", names: ["DNS:web.test"]), to: world.folder, "web")
    world.proxy.signal(SIGHUP)
    try eventually("it is logged") { world.proxy.text.contains("certificates renewed") ? () : nil }
    #expect(try world.get().status == 0)  // signed by somebody whom this caller does not know
    try newer.certificate.write(to: world.folder, "servers.pem")
    #expect(try world.get().status == 200)
  }

  @Test(arguments: [
    ("tls: {}", "outbound.tls.certificates: missing"),
    ("tls: {certificates: [{chain: /nowhere/a.pem}]}", "outbound.tls.certificates[0].key: missing"),
    ("tls: {certificates: [{chain: /nowhere/a.pem, key: /nowhere/a.key}]}", "outbound.tls: /nowhere/a.pem"),
    ("tls: {certificates: [{chain: a, key: b}], minimum_version: '1.1'}", "outbound.tls.minimum_version: expected 1.2 or 1.3"),
    ("tls: {certificates: [{chain: a, key: b}], client: required}", "outbound.tls.client_ca: missing"),
    ("tls: {certificates: [{chain: a, key: b}], client: maybe}", "outbound.tls.client: expected required or optional"),
    ("tls: {certificate: a}", "outbound.tls.certificate"),
  ]) func wrongKeysAreNamed(_ outbound: String, expected: String) throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/proxy.yaml"
    try "outbound:\n  listen: 127.0.0.1:0\n  \(outbound)\n".write(toFile: file, atomically: true, encoding: .utf8)
    let proxy = try RunningProgram("heddle-proxy", ["--config", file, "--validate"])
    #expect(try proxy.exitCode() != 0)
    #expect(proxy.text.contains(expected), "\(proxy.text)")
  }
}

extension [UInt8] {
  fileprivate func write(to folder: ScratchFolder, _ name: String) throws {
    try Data(self).write(to: URL(fileURLWithPath: folder.path + "/" + name), options: .atomic)
  }
}

extension String {
  /// The name of a file that holds this.
  fileprivate func file(in folder: ScratchFolder) throws -> String {
    let name = folder.path + "/" + UUID().uuidString
    try write(toFile: name, atomically: true, encoding: .utf8)
    return name
  }
}
