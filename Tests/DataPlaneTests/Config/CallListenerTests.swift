import RPC
import TestSupport
import Testing
import Traffic

@testable import DataPlane

/// A listener of Thrift or Mux as the configuration has it.
@Suite struct CallListenerTests {
  private func read(_ yaml: String) throws -> ProxyConfiguration {
    try ProxyConfiguration(
      file: bytes(yaml), environment: { _ in nil }, options: [], hostName: "here", processors: 2)
  }

  @Test(arguments: CallProtocol.allCases) func aListenerDeclaresCalls(_ spoken: CallProtocol) throws {
    let outbound = try read("outbound: {protocol: \(spoken.rawValue)}").listeners[0].policy
    #expect(outbound.listenerProtocol.calls == spoken && !outbound.methodInName)
    #expect(outbound.identifiers.map(\.kind) == [.headerPath("l5d-name", segments: nil), .fixed(.init(segments: []))])
  }

  @Test func keysOfCalls() throws {
    let configuration = try read(
      """
      outbound:
        protocol: thrift
        thrift: {method_in_dst: true, declared_exceptions: failure}
        limits: {message: 1MiB, streams: 7}
        identifiers: [{kind: static, path: /users}]
      """)
    #expect(configuration.listeners[0].policy.methodInName)
    #expect(configuration.listeners[0].policy.identifiers.count == 1)
    #expect(configuration.limits.calls.declaredExceptionsFail)
    #expect(configuration.limits.calls.messageLimit == 1 << 20 && configuration.limits.calls.concurrentCalls == 7)
  }

  @Test func anEdgeListenerTakesNoCalls() {
    #expect(throws: (any Error).self) { try read("edge: {listen: '127.0.0.1:0', protocol: thrift}") }
  }
}
