import Settings
import Testing

@testable import DataPlane

/// `outbound.listeners`: further outbound listeners.
@Suite struct ListenerListTests {
  private func problems(_ yaml: String) -> [String] {
    do {
      _ = try proxyConfiguration(yaml)
      return []
    } catch let error as SettingsError {
      return error.problems.map(\.description)
    } catch {
      return ["\(error)"]
    }
  }

  @Test func eachEntryIsAListenerOfItsOwn() throws {
    let listeners = try proxyConfiguration(
      """
      outbound:
        listen: 127.0.0.1:4140
        tcp: /svc/other
        listeners:
          - {name: calls, listen: 127.0.0.1:4141, protocol: thrift, thrift: {method_in_dst: true}}
          - {name: mysql, listen: 127.0.0.1:3306, protocol: tcp, tcp: /svc/mysql}
          - {name: web, listen: "[::1]:0", proxy_protocol: true, identifiers: [{kind: path}], upgrades: [chat]}
      inbound: {application: 8080}
      """
    ).listeners
    #expect(listeners.map(\.name) == ["outbound", "calls", "mysql", "web", "inbound"])
    #expect(listeners.map(\.path)[1...2] == ["outbound.listeners[0]", "outbound.listeners[1]"])
    #expect(listeners.map(\.address.description)[1...3] == ["127.0.0.1:4141", "127.0.0.1:3306", "[::1]:0"])
    #expect(listeners.map(\.policy.listenerProtocol) == [.auto, .thrift, .tcp, .auto, .auto])
    #expect(listeners.map(\.policy.methodInName) == [false, true, false, false, false])
    #expect(listeners.map(\.policy.tcpName?.description) == ["/svc/other", nil, "/svc/mysql", nil, nil])
    #expect(listeners[1].policy.identifiers.map(\.kind) == ListenerProtocol.thrift.identifiers.map(\.kind))
    #expect(listeners[3].policy.identifiers.count == 1 && listeners[3].policy.expectsProxyHeader)
    #expect(listeners[3].policy.upgrades.names == [Array("chat".utf8)])
    #expect(listeners.dropLast().allSatisfy { $0.policy.direction == .outbound && $0.policy.trust == .always })
  }

  @Test func whomTheSectionDoesNotTrustNoEntryDoesByAccident() throws {
    let listeners = try proxyConfiguration(
      """
      outbound:
        trusted: false
        explain: false
        connect: true
        passthrough: false
        upgrades: []
        proxy_protocol: true
        listeners:
          - {name: a, listen: 127.0.0.1:1}
          - {name: b, listen: 127.0.0.1:2, trusted: true, explain: true, connect: false, passthrough: true, upgrades: [chat]}
      """
    ).listeners
    let (a, b) = (listeners[1].policy, listeners[2].policy)
    #expect(a.trust == .never && !a.explains && a.allowsConnect && !a.passesTLS && a.upgrades == UpgradeTokens())
    #expect(b.trust == .always && b.explains && !b.allowsConnect && b.passesTLS && b.upgrades != UpgradeTokens())
    #expect(!a.expectsProxyHeader, "what callers send first is each listener's own")
  }

  @Test(arguments: [
    ("{name: a, listen: 127.0.0.1:1, protocl: tcp}", "outbound.listeners[0].protocl: unknown key, line 2 column"),
    ("{name: a, listen: 127.0.0.1}", "outbound.listeners[0].listen: expected an address such as"),
    ("{name: a}", "outbound.listeners[0].listen: missing"),
    ("{listen: 127.0.0.1:1}", "outbound.listeners[0].name: missing"),
    ("{name: a b, listen: 127.0.0.1:1}", "outbound.listeners[0].name: expected 1 to 63 letters"),
    ("{name: inbound, listen: 127.0.0.1:1}", "outbound.listeners[0].name: inbound is the name of another listener"),
    ("{name: a, listen: 127.0.0.1:1, protocol: tcp}", "outbound.listeners[0].tcp: missing"),
    ("{name: a, listen: 127.0.0.1:1, protocol: smtp}", "outbound.listeners[0].protocol: expected one of"),
    ("{name: a, listen: 127.0.0.1:1, tls: {}}", "outbound.listeners[0].tls.certificates: missing"),
    ("{name: a, listen: 127.0.0.1:1, failover: naming}", "outbound.listeners[0].failover: unknown key"),
    ("{name: a, listen: 127.0.0.1:4140}", "outbound.listeners[0].listen: 127.0.0.1:4140 is the address of outbound.listen"),
    ("17", "outbound.listeners[0]: expected a mapping, found"),
  ])
  func whatIsWrongIsSaidWithItsPlace(_ entry: String, _ problem: String) {
    let found = problems("outbound: {listeners: [\n  \(entry)]}")
    #expect(found.contains { $0.hasPrefix(problem) }, "\(found)")
  }

  @Test func applicationsHaveListenersOfTheirOwn() throws {
    let listeners = try proxyConfiguration(
      """
      inbound:
        application: 8080
        mesh_only: true
        trusted: false
        listeners:
          - {name: calls, listen: 0.0.0.0:4144, application: 9090, protocol: thrift, application_protocol: thrift, service: /svc/calls}
          - {name: open, listen: 0.0.0.0:4145, application: 9091, mesh_only: false, trusted: mesh, limits: {in_flight: 7}}
      """
    ).listeners
    #expect(listeners.map(\.name) == ["outbound", "inbound", "calls", "open"])
    let applications = listeners.compactMap(\.policy.application)
    #expect(applications.map(\.port) == [8080, 9090, 9091] && applications.map(\.inFlight) == [4096, 4096, 7])
    #expect(applications.map(\.service) == ["/inbound", "/svc/calls", "/inbound"] && applications[1].serviceProtocol == .thrift)
    #expect(listeners.map(\.policy.takesMeshOnly) == [false, true, true, false])
    #expect(listeners.map(\.policy.trust) == [.always, .never, .never, .mesh])
    let alone = try proxyConfiguration("inbound: {listeners: [{name: a, listen: '127.0.0.1:1', application: 80}]}").listeners
    #expect(alone.map(\.name) == ["outbound", "a"])
    let missing = problems("inbound: {listeners: [{name: a, listen: '127.0.0.1:1'}]}")
    #expect(missing.first?.hasPrefix("inbound.listeners[0].application: missing") == true, "\(missing)")
  }

  @Test func twoEntriesOfOneNameOrAddress() {
    let list = "[{name: a, listen: 127.0.0.1:1}, {name: a, listen: 127.0.0.1:1}]"
    let found = problems("outbound: {listeners: \(list)}")
    #expect(found.count == 2 && found.allSatisfy { $0.hasPrefix("outbound.listeners[1].") }, "\(found)")
    // Of port 0 each gets a port of its own.
    #expect(problems("outbound: {listeners: [{name: a, listen: 127.0.0.1:0}, {name: b, listen: 127.0.0.1:0}]}") == [])
  }

  @Test func aListHasAnEnd() {
    let entries = (0...ListenerList.most).map { "{name: l\($0), listen: '127.0.0.1:0'}" }.joined(separator: ", ")
    #expect(problems("outbound: {listeners: [\(entries)]}").first?.hasPrefix("outbound.listeners: expected a list of at most 64") == true)
    #expect(problems("outbound: {listeners: {}}").first?.contains("found a mapping") == true)
  }

  @Test func certificatesThatCannotBeReadAreSaidWithTheirPlace() {
    let tls = "tls: {certificates: [{chain: /nowhere.crt, key: /nowhere.key}]}"
    let found = problems("outbound: {listeners: [{name: a, listen: 127.0.0.1:1, \(tls)}]}")
    #expect(found.first?.hasPrefix("outbound.listeners[0].tls: /nowhere.crt: ") == true, "\(found)")
    #expect(found.first?.contains("line 1 column") == true)
  }
}
