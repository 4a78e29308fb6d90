import MeshProtocol
import Settings
import Testing
import Traffic

@testable import DataPlane

/// `policies` in a proxy's file.
@Suite struct PolicyKeysTests {
  private func policy(_ yaml: String, of name: String) throws -> NamePolicy? {
    try proxyConfiguration(yaml).binding.policies.policy(of: try Path(parsing: name))
  }

  @Test func everyKey() throws {
    let yaml = """
      policies:
        - prefix: /svc/users
          classify:
            declared: {1: retryable, 2: failure, other: success}
            application: {internal_error: retryable, 7: success, other: failure}
            error: retryable
          retries:
            max: 3
            budget: {percent: 50, min_per_second: 1, ttl: 5s}
            backoff: {min: 10ms, max: 1s}
            buffer: 1KiB
        - {prefix: /svc, classify: {declared: failure}}
      """
    let users = try #require(try policy(yaml, of: "/svc/users"))
    #expect(users.classifier.declared == [1: .retryable, 2: .failure] && users.classifier.otherDeclared == .success)
    #expect(users.classifier.application == [6: .retryable, 7: .success] && users.classifier.error == .retryable)
    #expect(users.retries.most == 3 && users.retries.buffer == 1024)
    #expect(users.retries.budget.share == 0.5 && users.retries.budget.floor == 1)
    #expect(users.retries.budget.window == 5_000_000_000)
    #expect(users.retries.backoff == RetryBackoff(shortest: 10_000_000, longest: 1_000_000_000))
    let other = try #require(try policy(yaml, of: "/svc/other"))
    #expect(other.classifier.classify(.declared(1)) == .failure && other.retries == RetryPolicy())
    #expect(try policy(yaml, of: "/other") == nil)
  }

  @Test func exceptionsCountAsTheListenersKeySaysWhereNoPolicyDoes() throws {
    let policies = "policies: [{prefix: /svc, classify: {application: retryable}}]\n"
    let plain = try #require(try policy(policies, of: "/svc/a"))
    #expect(plain.classifier.classify(.declared(1)) == .success && plain.classifier.classify(.application(nil)) == .retryable)
    let failing = try #require(try policy(policies + "outbound: {thrift: {declared_exceptions: failure}}\n", of: "/svc/a"))
    #expect(failing.classifier.classify(.declared(1)) == .failure)
  }

  @Test(arguments: [
    ("{}", "policies: expected a list"), ("[{}]", "policies[0].prefix: missing"), ("[{prefix: svc}]", "policies[0].prefix: "),
    ("[{prefix: /a}, {prefix: /a}]", "policies[1].prefix: /a has a policy already"),
    ("[{prefix: /a, retry: {}}]", "policies[0].retry: unknown key"),
    ("[{prefix: /a, classify: {declared: maybe}}]", "policies[0].classify.declared: expected success, failure or retryable"),
    ("[{prefix: /a, classify: {declared: {x: failure}}}]", "policies[0].classify.declared: x is no exception"),
    ("[{prefix: /a, classify: {declared: {-1: failure}}}]", "policies[0].classify.declared: -1 is no exception"),
    ("[{prefix: /a, classify: {declared: {1: []}}}]", "policies[0].classify.declared: expected one word for 1"),
    ("[{prefix: /a, classify: {declared: []}}]", "policies[0].classify.declared: expected a mapping"),
    ("[{prefix: /a, classify: {errors: failure}}]", "policies[0].classify.errors: unknown key"),
    ("[{prefix: /a, retries: {max: 11}}]", "policies[0].retries.max: expected an integer from 0 to 10"),
    ("[{prefix: /a, retries: {buffer: 2GiB}}]", "policies[0].retries.buffer: expected at most 1GiB"),
    ("[{prefix: /a, retries: {budget: {ttl: 61s}}}]", "policies[0].retries.budget.ttl: expected 1s to 1m"),
    ("[{prefix: /a, retries: {backoff: {max: 11s}}}]", "policies[0].retries.backoff.max: expected 0s to 10s"),
    ("[{prefix: /a, retries: {backoff: {min: 2s, max: 1s}}}]", "policies[0].retries.backoff.min: is longer than max"),
  ])
  func whatIsWrongIsSaidWithItsPlace(_ list: String, _ problem: String) {
    let error = #expect(throws: SettingsError.self) { _ = try proxyConfiguration("policies: \(list)\n") }
    let found = error?.problems.map(\.description) ?? []
    #expect(found.contains { $0.hasPrefix(problem) }, "\(found)")
  }
}
