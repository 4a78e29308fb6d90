import Foundation
import Testing

/// What somebody sees who stands on the wire between two proxies of the mesh, and what the mesh's ports refuse to speak.
@Suite(.serialized) struct WireTests {
  /// The wire, as `recording_relay.py` keeps it: what comes to `address` goes on to the same port of 127.0.0.2.
  private struct Wire {
    let folder: String
    let address: String
    let port: Substring
    private let relay: RunningProgram

    init(of mesh: Mesh) throws {
      folder = mesh.folder.path + "/wire"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("recording_relay.py")
      relay = try RunningProgram("/usr/bin/python3", [script.path, "127.0.0.2", folder])
      address = try relay.address("listen")
      port = try #require(address.split(separator: ":").last)
    }

    var streams: [(name: String, bytes: [UInt8])] {
      get throws {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
          (name, Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
        }
      }
    }

    func has(_ text: String) throws -> Bool {
      try streams.contains { Data($0.bytes).range(of: Data(text.utf8)) != nil }
    }

    /// The content types of a stream's TLS records (RFC 8446 §5.1); nil when it holds anything else.
    static func records(_ bytes: [UInt8]) -> [UInt8]? {
      var (types, at): ([UInt8], Int) = ([], 0)
      while at < bytes.count {
        guard bytes.count - at >= 5, (20...23).contains(bytes[at]), bytes[at + 1] == 3, [1, 3].contains(bytes[at + 2]) else {
          return nil
        }
        let length = Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])
        guard length > 0, length <= 16_384 + 256, at + 5 + length <= bytes.count else { return nil }
        types.append(bytes[at])
        at += 5 + length
      }
      return types
    }
  }

  private func token(_ mesh: Mesh, _ identity: String) throws -> String {
    let answer = try curl(mesh.url("/namespaces/default/join-tokens"), body: "{\"identity\": \"\(identity)\"}")
    guard let token = answer.json["token"] as? String else { throw NeverHappened(description: "a token: \(answer)") }
    return token
  }

  private func connected(_ admin: String) throws {
    try eventually("the proxy is connected as itself") { () -> Void? in
      let text = try curl("http://\(admin)/readyz?verbose").body
      return text.contains("[+] identity: spiffe://") && text.contains("controller: connected") ? () : nil
    }
  }

  /// The address that callers are told leads to the wire, and the wire to the application's proxy.
  @Test func betweenTwoProxiesThereIsNothingButTLS() throws {
    let mesh = try Mesh(environment: ["HEDDLE_MESH_TLS": "required"])
    let wire = try Wire(of: mesh)

    // In the request's path, field and body, and in the answer.
    let (question, answer) = ("question-in-clear-61c0", "answer-in-clear-7d1f")
    let service = try mesh.startService(answer)
    try mesh.register("web-v1", service.address)
    let application = try mesh.startProxy(
      "users",
      environment: [
        "HEDDLE_JOIN_TOKEN": try token(mesh, "users"), "HEDDLE_INBOUND": "127.0.0.2:\(wire.port)",
        "HEDDLE_APPLICATION": service.address,
      ])
    let caller = try mesh.startProxy("web", environment: ["HEDDLE_JOIN_TOKEN": try token(mesh, "web")])
    for proxy in [application, caller] { try connected(proxy.admin) }
    try mesh.route("/svc/web", "/#/registry/web-v1")
    func ask(_ version: String) throws -> CurlAnswer {
      try curl(
        all: [
          version, "-H", "Host: web", "-H", "x-secret: \(question)", "-d", question, "http://\(caller.address)/\(question)",
        ])
    }
    try eventually("requests go over the wire") { () -> Void? in
      let said = try ask("--http1.1")
      return try said.status == 200 && !wire.streams.isEmpty ? () : nil
    }
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      for _ in 0..<5 {
        let said = try ask(version)
        #expect(said.status == 200 && said.body.contains(answer), "\(said)")
      }
    }
    for proxy in [caller, application] { proxy.program.kill() }
    for proxy in [caller, application] { _ = try proxy.program.exitCode() }
    let streams = try wire.streams
    #expect(streams.count >= 2 && streams.allSatisfy { !$0.bytes.isEmpty })
    for stream in streams {
      let records = Wire.records(stream.bytes)
      #expect(records?.first == 22 && records?.contains(23) == true, "\(stream.name): \(stream.bytes.prefix(40))")
    }
    #expect(try !wire.has(question) && !wire.has(answer))
  }

  /// The wire does keep what is in clear: else the test before could not fail.
  @Test func theWireSeesWhatIsInClear() throws {
    let mesh = try Mesh()
    let wire = try Wire(of: mesh)
    let service = try mesh.startService("answer-in-clear-7d1f")
    _ = try mesh.startProxy(
      "users", environment: ["HEDDLE_INBOUND": "127.0.0.2:\(wire.port)", "HEDDLE_APPLICATION": service.address])
    try eventually("it answers") { try curl("http://\(wire.address)/question-in-clear-61c0").status == 200 ? () : nil }
    #expect(try wire.has("question-in-clear-61c0") && wire.has("answer-in-clear-7d1f"))
    #expect(try wire.streams.allSatisfy { Wire.records($0.bytes) == nil })
  }

  /// Bad-inputs 82: old versions and weak suites are refused on the ports of the mesh, with an alert, and counted; TLS 1.3, which they
  /// speak, knows no renegotiation.
  @Test func theMeshsPortsSpeakTLS13AndNothingWeaker() throws {
    let mesh = try Mesh(environment: ["HEDDLE_MESH_TLS": "required"])
    let service = try mesh.startService("v1")
    let proxy = try mesh.startProxy(
      "users",
      environment: [
        "HEDDLE_JOIN_TOKEN": try token(mesh, "users"), "HEDDLE_INBOUND": "127.0.0.1:0", "HEDDLE_APPLICATION": service.address,
      ])
    try connected(proxy.admin)
    let inbound = try proxy.program.address("inbound")
    func faults() throws -> (controller: Int, proxy: Int) {
      func sum(_ page: String, _ name: String) -> Int {
        page.split(separator: "\n").filter { $0.hasPrefix(name) }.reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
      }
      return (
        sum(try curl("http://\(mesh.rest)/metrics").body, "heddle_mesh_tls_faults_total{"),
        sum(try curl("http://\(proxy.admin)/metrics").body, "heddle_tls_faults_total{")
      )
    }
    func shake(_ address: String, _ options: [String]) throws -> String {
      let folder = mesh.statePath("users") + ".identity"
      let program = try RunningProgram(
        "/usr/bin/openssl",
        [
          "s_client", "-connect", address, "-cert", "\(folder)/leaf.pem", "-key", "\(folder)/key.pem", "-alpn", "heddle/1,h2",
          "-ign_eof",
        ] + options)
      try eventually("the handshake has come to something") { () -> Void? in
        program.text.contains("alert") || program.text.contains("read R BLOCK") ? () : nil
      }
      program.kill()
      return program.text
    }
    let weak = [
      ["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"], ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], ["-tls1_2"],
      ["-tls1_2", "-cipher", "AES128-SHA"], ["-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_8_SHA256"],
    ]
    for address in [mesh.mesh, inbound] {
      for options in weak {
        let before = try faults()
        let said = try shake(address, options)
        #expect(said.contains("alert protocol version") || said.contains("alert handshake failure"), "\(address) \(options): \(said)")
        try eventually("\(options) is counted at \(address)") { () -> Void? in
          let after = try faults()
          return address == inbound ? (after.proxy > before.proxy ? () : nil) : (after.controller > before.controller ? () : nil)
        }
      }
      let strong = try shake(address, ["-tls1_3"])
      #expect(strong.contains("Cipher is TLS_") && strong.contains("TLSv1.3") && !strong.contains("alert"), "\(strong)")
    }
    try connected(proxy.admin)
    #expect(try curl("http://\(inbound)/").status == 200)
  }
}
