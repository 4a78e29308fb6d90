import Foundation
import SystemIO
import Testing

/// Whether this process may make a network of its own and translate addresses in it.
private let mayIntercept = {
  let probe = Process()
  probe.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  probe.arguments = [
    "unshare", "-n", "sh", "-c",
    "ip link set lo up && iptables -t nat -A OUTPUT -p tcp --dport 1 -j REDIRECT --to-ports 2 && command -v setpriv curl",
  ]
  (probe.standardOutput, probe.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
  guard (try? probe.run()) != nil else { return false }
  probe.waitUntilExit()
  return probe.terminationStatus == 0
}()

/// Applications that do not know of the proxy, in a network namespace where the kernel brings them to it.
@Suite(.enabled(if: mayIntercept, "needs root, unshare and iptables")) struct InterceptionTests {
  /// Two applications at addresses of their own, and the proxy as a user of its own; what the callers got, a line each.
  private static let script = """
    set -e
    ip link set lo up
    ip addr add 10.9.0.5/32 dev lo; ip addr add 10.9.0.6/32 dev lo
    "$BIN/heddle-demo-app" serve --listen 10.9.0.5:8080 --version-label five --delay 0ms >/dev/null 2>&1 &
    "$BIN/heddle-demo-app" serve --listen 10.9.0.6:8080 --version-label six --delay 0ms >/dev/null 2>&1 &
    iptables -t nat -A OUTPUT -p tcp -d 10.9.0.0/24 -m owner ! --uid-owner 65534 -j REDIRECT --to-ports 4140
    setpriv --reuid 65534 --clear-groups "$BIN/heddle-proxy" --config "$DIR/proxy.yaml" >"$DIR/log" 2>&1 &
    for i in $(seq 200); do curl -s -o /dev/null http://127.0.0.1:9990/readyz && break; sleep 0.05; done
    ask() { curl -s -m 10 -o - -w ' %{http_code}\\n' "$@" | tr '\\n' ' '; echo; }
    ask http://10.9.0.5:8080/a
    ask -H 'Host: six' http://10.9.0.5:8080/b
    ask http://127.0.0.1:4140/c
    ask --http2-prior-knowledge http://10.9.0.5:8080/d
    curl -s http://127.0.0.1:9990/metrics | grep '^heddle_passed_on_total'
    kill $(jobs -p)
    """

  @Test func whatNoRuleNamesGoesWhereItWantedTo() throws {
    let folder = try ScratchFolder()
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
    try "dtab: /svc/six => /$/inet/10.9.0.6/8080\noutbound: {transparent: true}\n".write(
      toFile: folder.path + "/proxy.yaml", atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["BIN=\(RunningProgram.programs.path)", "DIR=\(folder.path)", "unshare", "-n", "sh", "-c", Self.script]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    let log = (try? String(contentsOfFile: folder.path + "/log", encoding: .utf8)) ?? ""
    try #require(lines.count == 5, "\(text)\n\(log)")
    #expect(lines[0].hasPrefix("five") && lines[0].hasSuffix("200"))
    #expect(lines[1].hasPrefix("six") && lines[1].hasSuffix("200"))
    #expect(lines[2].hasSuffix("502"))  // meant for the proxy itself: there is nowhere else to go
    #expect(lines[3].hasPrefix("five") && lines[3].hasSuffix("200"))
    #expect(lines[4] == "heddle_passed_on_total 2")
  }
}
