import Foundation
import Testing

/// A package of Debian's own interpreter.
private let hasThrift = FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/thrift/__init__.py")

/// A Thrift client and server that share no code with ours (`thrift_peer.py`, Debian's python3-thrift), through real proxies.
@Suite(.serialized, .enabled(if: hasThrift, "Debian's python3-thrift is there"))
struct ThriftScenarioTests {
  private static let interpreter = "/usr/bin/python3"
  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("thrift_peer.py").path

  private static func peer(_ arguments: String...) throws -> RunningProgram {
    try RunningProgram(interpreter, [script] + arguments)
  }

  /// A standalone proxy for Thrift with these rules.
  private func proxy(_ folder: ScratchFolder, _ name: String = "proxy", dtab: String, more: String = "") throws
    -> RunningProgram
  {
    try """
    outbound: {listen: 127.0.0.1:0, protocol: thrift\(more)}
    admin: {listen: 127.0.0.1:0}
    workers: 2
    dtab: \(dtab)
    """.write(toFile: folder.path + "/\(name).yaml", atomically: true, encoding: .utf8)
    return try RunningProgram("heddle-proxy", ["--config", folder.path + "/\(name).yaml"])
  }

  private func inet(_ program: RunningProgram, _ key: String) throws -> String {
    "/$/inet/" + (try program.address(key)).replacing(":", with: "/")
  }

  private func run(_ folder: ScratchFolder, _ arguments: String...) throws -> ToolAnswer {
    try EndToEndTests.run(Self.interpreter, [Self.script] + arguments, folder: folder)
  }

  /// Texts, a megabyte, exceptions of both kinds, oneway calls, 300 calls in a row, eight callers at once.
  @Test(arguments: ["framed", "header"], ["binary", "compact"])
  func aConversation(_ transport: String, _ encoding: String) throws {
    let service = try Self.peer("serve", transport, encoding)
    let folder = try ScratchFolder()
    let proxy = try proxy(folder, dtab: "/svc => \(try inet(service, "listen"))")
    let talk = try run(folder, "talk", try proxy.address("outbound"), transport, encoding)
    #expect(talk.code == 0 && talk.output == "talked\n", "\(talk) \(proxy.text) \(service.text)")
    let metrics = try curl("http://\(try proxy.address("admin"))/metrics").body
    #expect(metrics.contains("heddle_requests_total{direction=\"outbound\",service=\"/svc\",class=\"success\"} 1109"), "\(metrics)")
    #expect(metrics.contains("heddle_requests_total{direction=\"outbound\",service=\"/svc\",class=\"failure\"} 1\n"))
  }

  @Test func throughTwoProxies() throws {
    let service = try Self.peer("serve", "framed", "binary")
    let folder = try ScratchFolder()
    let back = try proxy(folder, "back", dtab: "/svc => \(try inet(service, "listen"))")
    let front = try proxy(folder, "front", dtab: "/svc => \(try inet(back, "outbound"))")
    let talk = try run(folder, "talk", try front.address("outbound"), "framed", "binary")
    #expect(talk.code == 0 && talk.output == "talked\n", "\(talk) \(front.text) \(back.text)")
  }

  /// One program, two ports: each shows in the line that it says when it is ready.
  @Test func besideHTTP() throws {
    let service = try Self.peer("serve", "framed", "binary")
    let folder = try ScratchFolder()
    try """
    outbound: {listen: 127.0.0.1:0, listeners: [{name: calls, listen: 127.0.0.1:0, protocol: thrift}]}
    admin: {listen: 127.0.0.1:0}
    registry: {calls: {protocol: thrift, endpoints: [\(try service.address("listen"))]}}
    dtab: /svc => /#/registry/calls
    """.write(toFile: folder.path + "/proxy.yaml", atomically: true, encoding: .utf8)
    let proxy = try RunningProgram("heddle-proxy", ["--config", folder.path + "/proxy.yaml"])
    let talk = try run(folder, "talk", try proxy.address("calls"), "framed", "binary")
    #expect(talk.code == 0 && talk.output == "talked\n", "\(talk) \(proxy.text) \(service.text)")
    let http = try curl("http://\(try proxy.address("outbound"))/")
    #expect(http.status == 502 && http.body.contains("does not speak"), "\(http)")
    let metrics = try curl("http://\(try proxy.address("admin"))/metrics").body
    #expect(metrics.contains("heddle_listener_connections_total{listener=\"calls\"} 9\n"), "one caller, and eight at once: \(metrics)")
    #expect(metrics.contains("heddle_listener_connections_total{listener=\"outbound\"} 1\n"))
  }

  /// A method that throws the first time: retried by a policy, the caller sees only its value.
  @Test(arguments: ["framed", "header"], ["binary", "compact"])
  func whatIsRefusedAtFirstIsTriedAgain(_ transport: String, _ encoding: String) throws {
    let service = try Self.peer("serve", transport, encoding)
    let folder = try ScratchFolder()
    let policy = "[{prefix: /svc, classify: {declared: {1: retryable}}, retries: {max: 1, backoff: {min: 1ms, max: 2ms}}}]"
    let proxy = try proxy(folder, dtab: "/svc => \(try inet(service, "listen"))\npolicies: \(policy)")
    let talk = try run(folder, "retried", try proxy.address("outbound"), transport, encoding)
    #expect(talk.code == 0 && talk.output == "answered at last\n", "\(talk) \(proxy.text) \(service.text)")
    let metrics = try curl("http://\(try proxy.address("admin"))/metrics").body
    for line in [
      "heddle_requests_total{direction=\"outbound\",service=\"/svc\",class=\"success\"} 40",
      "heddle_requests_total{direction=\"outbound\",service=\"/svc\",class=\"retryable\"} 1",
      "heddle_retries_total{service=\"/svc\",reason=\"response\"} 21",
    ] { #expect(metrics.contains(line + "\n"), "\(line): \(metrics)") }
    let retried = metrics.matches(of: /heddle_attempts_total{[^}]*class="success",try="retry"} (\d+)/)
    #expect(retried.map { String($0.1) } == ["20"])
  }

  @Test func methodsAreNames() throws {
    let service = try Self.peer("serve", "framed", "binary")
    let folder = try ScratchFolder()
    let proxy = try proxy(
      folder, dtab: "/svc/other => \(try inet(service, "listen"))", more: ", thrift: {method_in_dst: true}")
    let fails = try run(folder, "fails", try proxy.address("outbound"), "framed", "binary", "no-route")
    #expect(fails.code == 0 && fails.output == "failed as expected\n", "\(fails) \(proxy.text)")
  }
}
