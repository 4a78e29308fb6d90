import Testing

@testable import Console

@Suite struct RoutesCommandTests {
  private static let stored = APIAnswer.json(#"{"revision":8,"warnings":[]}"#)

  @Test func optionsMakeARouteWithOneMatch() {
    let run = Run(
      "routes", "set", "canary", "--host", "shop.example.com", "--host", "*.example.com", "--path-prefix", "/api",
      "--method", "GET", "--header", "x-canary=yes=1", "--query", "beta", "--to", "/svc/api", "--strip",
      answers: [Self.stored])
    #expect(run.status == .done, "\(run.complaints)")
    #expect(run.targets == ["PUT /v1/namespaces/default/routes/canary"])
    #expect(
      run.body
        == #"{"hosts":["shop.example.com","*.example.com"],"matches":[{"path":{"prefix":"/api"},"method":"GET","#
        + #""headers":[{"name":"x-canary","exact":"yes=1"}],"query":[{"name":"beta","present":true}]}],"#
        + #""to":"/svc/api","rewrite":{"prefix":""}}"#)
    #expect(run.output.contains("route canary stored"))
  }

  @Test func redirectsAndAnswers() {
    let away = Run("routes", "set", "r", "--redirect", "https://a.b:8443/new", answers: [Self.stored])
    #expect(away.body == #"{"redirect":{"scheme":"https","host":"a.b","port":8443,"path":"/new"}}"#)
    let plain = Run("routes", "set", "r", "--redirect", "https://a.b", answers: [Self.stored])
    #expect(plain.body == #"{"redirect":{"scheme":"https","host":"a.b"}}"#)
    let answer = Run("routes", "set", "r", "--respond", "404", answers: [Self.stored])
    #expect(answer.body == #"{"respond":{"status":404}}"#)
  }

  @Test func aFileSaysEverything() {
    let run = Run(
      "routes", "set", "r", "-f", "-", answers: [Self.stored],
      input: "kind: route\nname: r\nto: /svc/a\nmatches: [{path: {exact: /x}}]\n")
    #expect(run.status == .done, "\(run.complaints)")
    #expect(run.body == #"{"to":"/svc/a","matches":[{"path":{"exact":"/x"}}]}"#)
  }

  @Test(arguments: [
    ["r"], ["r", "--to", "/svc/a", "--respond", "200"], ["r", "--to", "/svc/a", "--strip"], ["r", "--redirect", "a.b"],
    ["r", "--redirect", "http://a:x"], ["r", "-f", "-", "--to", "/svc/a"],
  ])
  func whatIsNoRouteIsAUsageErrorAndNothingIsSent(_ arguments: [String]) {
    let terminal = Terminal(
      write: { _ in }, complain: { _ in }, readInput: { "to: /svc/a" }, pause: { _ in }, isInteractive: true,
      hasColour: false)
    let controller = FakeController([])
    let status = Console.run(["routes", "set"] + arguments, environment: [:], terminal: terminal) { _, _ in controller }
    #expect(status == .usage)
    #expect(controller.calls.isEmpty)
  }

  @Test func tablesShowEachMatch() {
    let list = APIAnswer.json(
      #"""
      {"revision":8,"routes":[
        {"name":"api","hosts":["shop"],"to":"/svc/api","rewrite":{"prefix":"/"},
         "matches":[{"path":{"prefix":"/api"},"method":"GET"},{"path":{"regex":"/v[0-9]"},"headers":[{"name":"a","present":true}]}]},
        {"name":"away","redirect":{"scheme":"https","status":301}},{"name":"none","respond":{"status":404}}]}
      """#)
    let run = Run("routes", answers: [list])
    let lines = run.output.split(separator: "\n").map { $0.split(whereSeparator: { $0 == " " }).joined(separator: " ") }
    #expect(
      lines == [
        "ROUTE HOSTS MATCH ACTION", #"api shop GET /api… /svc/api, rewrite prefix="/""#, "~/v[0-9] a",
        "away * everything redirect 301 scheme=https", "none * everything answer 404",
      ])
  }

  @Test func removed() {
    let run = Run("routes", "remove", "r", "--wait", answers: [ShiftTests.complete])
    #expect(run.targets == ["DELETE /v1/namespaces/default/routes/r?wait=applied&timeout=5s"])
    #expect(run.status == .done)
  }
}
