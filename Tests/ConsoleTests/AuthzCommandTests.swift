import Testing

@testable import Console

@Suite struct AuthzCommandTests {
  private static let stored = APIAnswer.json(#"{"revision":8,"warnings":[]}"#)

  @Test func optionsMakeAnAuthorizationWithOneRule() {
    let run = Run(
      "authz", "set", "users", "--target", "users", "--from", "web", "--from", "ns/jobs/sa/nightly", "--method", "GET",
      "--path", "/api", "--mode", "dry_run", "--wait", answers: [ShiftTests.complete])
    #expect(run.status == .done, "\(run.complaints)")
    #expect(run.targets == ["PUT /v1/namespaces/default/authorizations/users?wait=applied&timeout=5s"])
    #expect(
      run.body
        == #"{"target":"users","mode":"dry_run","rules":[{"from":["web","ns/jobs/sa/nightly"],"methods":["GET"],"paths":["/api"]}]}"#
    )
    #expect(run.output.contains("authorization users stored"))
  }

  @Test func nobody() {
    let run = Run("authz", "set", "locked", "--target", "*", "--nobody", answers: [Self.stored])
    #expect(run.body == #"{"target":"*","rules":[]}"#)
  }

  @Test func aFileSaysEverything() {
    let run = Run(
      "authz", "set", "users", "-f", "-", answers: [Self.stored],
      input:
        "kind: authorization\nname: users\ntarget: users\nrules: [{from: [web]}, {from: ['*'], paths: [/public]}]\n")
    #expect(run.status == .done, "\(run.complaints)")
    #expect(run.body == #"{"target":"users","rules":[{"from":["web"]},{"from":["*"],"paths":["/public"]}]}"#)
  }

  @Test(arguments: [
    ["a"], ["a", "--target", "users"], ["a", "--from", "web"], ["a", "--target", "users", "--from", "web", "--nobody"],
    ["a", "--target", "users", "--nobody", "--method", "GET"], ["a", "-f", "-", "--target", "users"],
  ])
  func whatIsNoneIsAUsageErrorAndNothingIsSent(_ arguments: [String]) {
    let terminal = Terminal(
      write: { _ in }, complain: { _ in }, readInput: { "target: users\nrules: []" }, pause: { _ in },
      isInteractive: true,
      hasColour: false)
    let controller = FakeController([])
    let status = Console.run(["authz", "set"] + arguments, environment: [:], terminal: terminal) { _, _ in controller }
    #expect(status == .usage)
    #expect(controller.calls.isEmpty)
  }

  @Test func tablesShowEachRule() {
    let list = APIAnswer.json(
      #"""
      {"revision":8,"authorizations":[
        {"name":"locked","target":"ledger","mode":"enforce","rules":[]},
        {"name":"users","target":"users","mode":"dry_run","rules":[{"from":["web","*"],"methods":["GET","PUT"],"paths":["/api"]},
         {"from":["anyone"]}]}]}
      """#)
    let run = Run("authz", answers: [list])
    #expect(run.targets == ["GET /v1/namespaces/default/authorizations"])
    let lines = run.output.split(separator: "\n").map { $0.split(whereSeparator: { $0 == " " }).joined(separator: " ") }
    #expect(
      lines == [
        "AUTHORIZATION TARGET MODE RULE FROM METHODS PATHS", "locked ledger enforce nobody",
        "users users dry_run 0 web, * GET, PUT /api", "1 anyone any any",
      ])
  }

  @Test func checks() {
    let allowed = APIAnswer.json(
      #"""
      {"revision":8,"from":"spiffe://heddle.local/ns/default/sa/web","to":"spiffe://heddle.local/ns/default/sa/users",
       "method":"POST","path":"/x y","allowed":true,"enforced":{"result":"allowed","authorization":"users","rule":2},
       "dry_run":{"result":"denied","authorization":"next"}}
      """#)
    let run = Run(
      "authz", "check", "--from", "web", "--to", "users", "--method", "POST", "--path", "/x y", "--exit-code",
      answers: [allowed])
    #expect(run.status == .done)
    #expect(
      run.targets == ["GET /v1/namespaces/default/authorizations:check?from=web&to=users&method=POST&path=%2Fx%20y"])
    #expect(
      run.output == """
        allowed: POST /x y from spiffe://heddle.local/ns/default/sa/web to spiffe://heddle.local/ns/default/sa/users
          rule 2 of authorization users allows it
          dry run: authorization next would deny it: no rule allows it

        """)
  }

  @Test func deniedConnections() {
    let denied = APIAnswer.json(
      #"""
      {"revision":8,"from":"anyone","to":"spiffe://heddle.local/ns/default/sa/ledger","allowed":false,
       "enforced":{"result":"denied","authorization":"locked"},"dry_run":{"result":"unrestricted"}}
      """#)
    let run = Run("authz", "check", "--to", "ledger", "--bytes", answers: [denied])
    #expect(run.status == .done)
    #expect(run.targets == ["GET /v1/namespaces/default/authorizations:check?to=ledger&bytes=true"])
    #expect(
      run.output == """
        denied: a connection of bytes from anyone to spiffe://heddle.local/ns/default/sa/ledger
          authorization locked denies it: no rule allows it

        """)
    #expect(Run("authz", "check", "--to", "ledger", "--exit-code", answers: [denied]).status == .failed)
  }

  @Test func deleted() {
    let run = Run("authz", "delete", "users", answers: [Self.stored])
    #expect(run.targets == ["DELETE /v1/namespaces/default/authorizations/users"])
    #expect(run.output.contains("deleted authorization users"))
  }
}
