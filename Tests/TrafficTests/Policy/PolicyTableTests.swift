import MeshProtocol
import Testing

@testable import Traffic

/// Which policy holds for a name: prefixes merged key by key, the longest wins.
@Suite struct PolicyTableTests {
  private func entry(_ prefix: String, _ change: (inout TrafficPolicy) -> Void) throws -> TrafficPolicy {
    var policy = TrafficPolicy(prefix: try Prefix(parsing: prefix))
    change(&policy)
    return policy
  }

  private func path(_ text: String) throws -> Path { try Path(parsing: text) }

  @Test func theLongestPrefixWinsKeyByKey() throws {
    let table = PolicyTable([
      try entry("/svc/users") {
        $0.retries.most = 5
        $0.classes.declared = [1: .retryable]
      },
      try entry("/svc") {
        $0.retries.most = 1
        $0.retries.buffer = 100
        $0.classes.declared = [1: .failure, 2: .failure]
        $0.classes.error = .retryable
      },
    ])
    let users = try #require(table.policy(of: path("/svc/users/get")))
    #expect(users.retries.most == 5 && users.retries.buffer == 100)
    #expect(users.classifier.declared == [1: .retryable, 2: .failure] && users.classifier.error == .retryable)
    let other = try #require(table.policy(of: path("/svc/other")))
    #expect(other.retries.most == 1 && other.classifier.declared == [1: .failure, 2: .failure])
    #expect(try table.policy(of: path("/inbound")) == nil)
    #expect(try PolicyTable().policy(of: path("/svc")) == nil)
  }

  /// `declared: failure` under a longer prefix is about all exceptions but those named beside it.
  @Test func whatAllOthersCountAsReplacesWhatWasNamed() throws {
    let table = PolicyTable([
      try entry("/svc") {
        $0.classes.declared = [1: .retryable]
        $0.classes.application = [6: .retryable]
      },
      try entry("/svc/users") { $0.classes.otherDeclared = .failure },
    ])
    let users = try #require(table.policy(of: path("/svc/users"))).classifier
    #expect(users.classify(.declared(1)) == .failure && users.classify(.application(6)) == .retryable)
  }

  @Test func wildcardsAndTheBase() throws {
    let table = PolicyTable(
      [try entry("/svc/*/get") { $0.classes.declared = [1: .retryable] }], over: CallClassifier(otherDeclared: .failure))
    let get = try #require(table.policy(of: path("/svc/users/get"))).classifier
    #expect(get.classify(.declared(1)) == .retryable && get.classify(.declared(2)) == .failure)
    #expect(try table.policy(of: path("/svc/users/put")) == nil)
  }

  @Test func everyKeyOfRetriesIsTaken() throws {
    let table = PolicyTable([
      try entry("/") { _ in },
      try entry("/svc") {
        $0.retries.most = 3
        $0.retries.share = 0.5
        $0.retries.floor = 1
        $0.retries.window = 5_000_000_000
        $0.retries.shortestPause = 1
        $0.retries.longestPause = 2
        $0.retries.buffer = 7
      },
    ])
    let retries = try #require(table.policy(of: path("/svc/a"))).retries
    #expect(retries.most == 3 && retries.buffer == 7 && retries.backoff == RetryBackoff(shortest: 1, longest: 2))
    #expect(retries.budget.share == 0.5 && retries.budget.floor == 1 && retries.budget.window == 5_000_000_000)
    #expect(try table.policy(of: path("/other"))?.retries == RetryPolicy())
  }
}
