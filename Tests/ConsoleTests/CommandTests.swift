import Foundation
import Testing

@testable import Console

@Suite struct ShiftTests {
  static let complete = APIAnswer.json(
    #"{"revision":8,"warnings":[],"complete":true,"applied":2,"pending":[],"rejected":[],"disconnected":[]}"#)

  @Test func weights() {
    let run = Run("shift", "users", "v1=50", "v2=50.5", answers: [.json(#"{"revision":8}"#)])
    #expect(run.status == .done)
    #expect(run.targets == ["PATCH /v1/namespaces/default/splits/users"])
    #expect(run.body == #"{"weights":{"v1":50,"v2":50.5}}"#)
    #expect(run.output.contains("revision 8"))
  }

  @Test func perCentAndWaiting() {
    let run = Run("shift", "users", "v2=10%", "--wait", "--timeout", "3s", answers: [Self.complete])
    #expect(run.status == .done)
    #expect(run.targets == ["PATCH /v1/namespaces/default/splits/users?wait=applied&timeout=3s"])
    #expect(run.body == #"{"percent":{"v2":10}}"#)
    #expect(run.output.contains("applied by 2 proxies"))
  }

  @Test func aRejectionIsExitOneAndNamesTheProxy() {
    let answer = APIAnswer.json(
      #"{"revision":8,"complete":false,"applied":1,"pending":[],"rejected":[{"id":"p2","error":"split users: bad"}],"disconnected":[]}"#
    )
    let run = Run("shift", "users", "v2=10%", "--wait", answers: [answer])
    #expect(run.status == .failed)
    #expect(run.complaints.contains("p2"))
  }

  @Test(arguments: [
    #"{"revision":8,"complete":false,"applied":1,"pending":["p3"],"rejected":[],"disconnected":[]}"#,
    #"{"revision":8,"complete":false,"applied":1,"pending":[],"rejected":[],"disconnected":["p4"]}"#,
    #"{"revision":8,"complete":false,"applied":0,"pending":[],"rejected":[],"disconnected":[]}"#,
  ])
  func anythingElseIncompleteIsExitFive(_ answer: String) {
    let run = Run("shift", "users", "v2=10%", "--wait", answers: [.json(answer)])
    #expect(run.status == .timedOut)
    #expect(run.complaints.contains("the change stands"))
  }

  @Test(arguments: [
    ["v2"], ["v2="], ["=5"], ["v2=x"], ["v2=-1"], ["v2=1", "v2=2"], ["v1=1", "v2=10%"], ["v2=1=2"], ["v2=%"], [],
  ])
  func whatIsNoShiftIsAUsageErrorAndNothingIsSent(_ weights: [String]) {
    #expect(throws: ConsoleError.self) { try ShiftCommand.body(weights) }
  }

  @Test func withoutWaitNoBarrierIsAskedFor() {
    let run = Run("shift", "users", "v2=1", "--dry-run", "--wait", answers: [.json(#"{"revision":8,"diff":[]}"#)])
    #expect(run.targets == ["PATCH /v1/namespaces/default/splits/users?dry_run=true"])
    #expect(run.output.contains("nothing stored"))
  }
}

@Suite struct ExitStatusTests {
  @Test(arguments: [
    (400, ProgramExit.failed), (404, .failed), (422, .failed), (409, .conflict), (412, .conflict), (410, .failed),
    (503, .unreachable),
    (504, .timedOut), (500, .failed),
  ])
  func ofErrorAnswers(_ code: Int, _ status: ProgramExit) {
    let answer = APIAnswer.json(
      #"{"title":"T","detail":"D","errors":[{"pointer":"/weights/v9","detail":"no such backend"}]}"#, status: code)
    let run = Run("split", "get", "users", answers: [answer])
    #expect(run.status == status)
    #expect(run.complaints.contains("/weights/v9: no such backend"))
  }

  @Test func unreachable() {
    let run = Run("rules", "list")
    #expect(run.status == .unreachable)
    #expect(run.complaints.contains("HEDDLE_CONTROLLER"))
  }

  @Test func usage() {
    let run = Run("rules", "frobnicate")
    #expect(run.status == .usage)
    #expect(run.calls.isEmpty)
    #expect(run.address == nil)
  }

  @Test func helpIsNoErrorAndHasExamples() {
    for (verb, usage) in [
      (["--help"], "heddle <subcommand>"), (["shift", "--help"], "heddle shift"),
      (["rules", "add", "--help"], "heddle rules add"), (["help", "dtab", "set"], "heddle dtab set"),
    ] {
      let run = Run(verb[0], verb.count > 1 ? verb[1] : "--help", verb.count > 2 ? verb[2] : "--help")
      #expect(run.status == .done)
      #expect(run.output.contains("EXAMPLE") && run.output.contains("USAGE: \(usage)"), "\(verb): \(run.output)")
    }
  }

  @Test func anAnswerThatIsNoJSONIsSaidSo() {
    let run = Run("rules", "list", answers: [.json("<html>")])
    #expect(run.status == .failed)
    #expect(run.complaints.contains("no JSON"))
  }
}

@Suite struct OptionTests {
  static let empty = APIAnswer.json(#"{"revision":1,"rules":[]}"#)

  @Test func addressAndNamespace() {
    let plain = Run("rules", "list", answers: [Self.empty])
    #expect(plain.address == "http://127.0.0.1:4180")
    #expect(plain.targets == ["GET /v1/namespaces/default/rules"])
    let environment = ["HEDDLE_CONTROLLER": "http://c:1", "HEDDLE_NAMESPACE": "staging"]
    let told = Run("rules", "list", answers: [Self.empty], environment: environment)
    #expect(told.address == "http://c:1")
    #expect(told.targets == ["GET /v1/namespaces/staging/rules"])
    let asked = Run(
      "rules", "list", "-n", "prod", "--controller", "d:2", answers: [Self.empty], environment: environment)
    #expect(asked.address == "d:2")
    #expect(asked.targets == ["GET /v1/namespaces/prod/rules"])
  }

  @Test func optionsMayStandBeforeTheNoun() {
    let run = Run("-n", "prod", "--output=json", "rules", "list", answers: [Self.empty])
    #expect(run.targets == ["GET /v1/namespaces/prod/rules"])
    #expect(run.output.hasPrefix("{"))
  }

  @Test func tablesOnATerminalElseJSON() {
    #expect(Run("rules", answers: [Self.empty]).output.hasPrefix("ID"))
    #expect(Run("rules", answers: [Self.empty], terminal: false).output.hasPrefix("{"))
    #expect(Run("rules", "-o", "yaml", answers: [Self.empty]).output == "revision: 1\nrules: []\n")
  }

  @Test func namesAreEncodedInPaths() {
    let run = Run("services", "register", "a/b ü", "[::1]:80", "--weight", "2", answers: [.json("{}")])
    #expect(run.targets == ["PUT /v1/namespaces/default/services/a%2Fb%20%C3%BC/endpoints/%5B%3A%3A1%5D%3A80"])
    #expect(run.body == #"{"weight":2}"#)
  }

  @Test func pagesAreFollowedToTheEnd() {
    let run = Run(
      "rules", "list", "-o", "json",
      answers: [
        .json(#"{"revision":1,"rules":[{"id":"r1"}],"continue":"x y"}"#),
        .json(#"{"revision":1,"rules":[{"id":"r2"}]}"#),
      ])
    #expect(run.targets == ["GET /v1/namespaces/default/rules", "GET /v1/namespaces/default/rules?continue=x%20y"])
    #expect(run.output.contains("r1") && run.output.contains("r2") && !run.output.contains("continue"))
  }
}

@Suite struct RulesTests {
  @Test func add() {
    let run = Run(
      "rules", "add", "/svc/users", "/#/registry/a | /#/registry/b", "--reason", "net", "--if-revision", "4",
      answers: [
        .json(
          #"{"id":"r9","revision":5,"warnings":[{"code":"shadowed_by_split","detail":"split users wins"}]}"#,
          status: 201)
      ])
    #expect(run.status == .done)
    #expect(run.body == ##"{"prefix":"/svc/users","destination":"/#/registry/a | /#/registry/b"}"##)
    #expect(run.calls[0].headers.contains(.init("heddle-reason", "net")))
    #expect(run.calls[0].headers.contains(.init("if-match", "\"4\"")))
    #expect(run.output.contains("r9"))
    #expect(run.complaints.contains("shadowed_by_split"))
  }

  @Test func theControllersFaultIsShownInTheTextThatWasSent() {
    let answer = APIAnswer.json(
      #"{"title":"Unprocessable Content","detail":"/changes/0/value/destination: bad","errors":[{"pointer":"/changes/0/value/destination","detail":"bad","offset":3}]}"#,
      status: 422)
    let run = Run("apply", "-f", "-", answers: [answer], input: "{kind: rule, name: r-1, value: x, destination: /a!b}")
    #expect(run.status == .failed)
    #expect(run.complaints.contains("1 | /a!b\n  |    ^ here"))
    #expect(run.complaints.components(separatedBy: "bad").count == 2)
  }

  @Test func aFaultInTheDestinationIsShownAndNothingSent() {
    let run = Run("rules", "add", "/svc/users", "/a | | /b")
    #expect(run.status == .usage)
    #expect(run.calls.isEmpty)
    #expect(run.complaints.contains("1 | /a | | /b\n  |"))
    #expect(run.complaints.contains("^ expected"))
  }
}

@Suite struct DtabTests {
  @Test func getPrintsTheTextEvenWhenPiped() {
    let run = Run("dtab", "get", answers: [.json("/svc => /#/registry ;\n")], terminal: false)
    #expect(run.output == "/svc => /#/registry ;\n")
  }

  @Test func setSendsTheTextAsItIs() {
    let text = "# all\n/svc => /#/registry ;\n"
    let run = Run("dtab", "set", "-", answers: [.json(#"{"revision":3}"#)], input: text)
    #expect(run.status == .done)
    #expect(run.targets == ["PUT /v1/namespaces/default/dtab"])
    #expect(run.body == text)
    #expect(run.calls[0].headers.contains(.init("content-type", "text/plain")))
  }

  @Test func checkShowsTheFaultUnderItsLine() {
    let run = Run("dtab", "check", "--offline", "-", input: "/svc => /#/registry ;\n/a => 3 * ;\n")
    #expect(run.status == .failed)
    #expect(run.complaints.contains("2 | /a => 3 * ;\n"))
    #expect(run.calls.isEmpty)
  }

  @Test func checkAsksForADryRun() {
    let run = Run("dtab", "check", "-", answers: [.json(#"{"revision":3,"diff":["+ /a => /b"]}"#)], input: "/a => /b")
    #expect(run.targets == ["PUT /v1/namespaces/default/dtab?dry_run=true"])
    #expect(run.output.contains("+ /a => /b"))
  }

  @Test func editStoresOnlyWhatChangedAtTheRevisionItRead() {
    let tag = APICall.Header("etag", "\"6\"")
    let same = Run("dtab", "edit", answers: [.json("/a => /b", headers: [tag])], environment: ["EDITOR": "true"])
    #expect(same.targets.count == 1)
    #expect(same.output.contains("unchanged"))
    let edited = Run(
      "dtab", "edit", answers: [.json("/a => /b", headers: [tag]), .json(#"{"revision":7}"#)],
      environment: ["EDITOR": "sed -i s/b/c/"])
    #expect(edited.status == .done)
    #expect(edited.body == "/a => /c")
    #expect(edited.calls[1].headers.contains(.init("if-match", "\"6\"")))
  }
}

@Suite struct SplitTests {
  @Test func set() {
    let run = Run(
      "split", "set", "users", "v1=90*/#/registry/users-v1", "v2= 10 * /#/registry/users-v2",
      answers: [.json(#"{"revision":3}"#)])
    #expect(run.status == .done)
    #expect(
      run.body
        == ##"{"prefix":"/svc/users","backends":[{"name":"v1","destination":"/#/registry/users-v1","weight":90},{"name":"v2","destination":"/#/registry/users-v2","weight":10}]}"##
    )
  }

  @Test func getShowsShares() {
    let answer =
      ##"{"name":"users","prefix":"/svc/users","backends":[{"name":"v1","destination":"/#/registry/a","weight":3,"share":0.75}]}"##
    let run = Run("split", "get", "users", answers: [.json(answer)])
    #expect(run.output.contains("75.00 %"))
  }

  @Test(arguments: ["v1", "v1=/x", "v1=*/x", "=1*/x", "v1=a*/x", "v1=1*x"]) func whatIsNoBackendIsRefused(
    _ text: String
  ) {
    #expect(throws: ConsoleError.self) { try SplitCommand.Set.backend(text) }
  }
}

@Suite struct ApplyTests {
  @Test func documentsBecomeOneChange() {
    let text = """
      kind: split
      name: users
      prefix: /svc/users
      backends:
        - {name: v1, destination: "/#/registry/users-v1", weight: 100}
      ---
      kind: split
      name: old
      op: delete
      """
    let run = Run("apply", "-f", "-", answers: [.json(#"{"revision":3}"#)], input: text)
    #expect(run.targets == ["POST /v1/namespaces/default/changes"])
    #expect(
      run.body
        == ##"{"changes":[{"op":"put","kind":"split","name":"users","value":{"prefix":"/svc/users","backends":[{"name":"v1","destination":"/#/registry/users-v1","weight":100}]}},{"op":"delete","kind":"split","name":"old"}]}"##
    )
  }

  @Test func diffStoresNothingAndCanFail() {
    let answer = APIAnswer.json(#"{"diff":["+ split users"]}"#)
    let input = "{kind: split, name: users}"
    #expect(Run("diff", "-f", "-", answers: [answer], input: input).status == .done)
    let run = Run("diff", "-f", "-", "--exit-code", answers: [answer], input: input)
    #expect(run.status == .failed)
    #expect(run.targets == ["POST /v1/namespaces/default/changes?dry_run=true"])
  }

  @Test(arguments: ["", "name: x", "kind: split", "[1]", "a: ["]) func whatNamesNoResourceIsAUsageError(_ text: String) {
    let run = Run("apply", "-f", "-", input: text)
    #expect(run.status == .usage)
    #expect(run.calls.isEmpty)
  }
}

@Suite struct SeeingTests {
  static let metrics =
    #"{"metrics":[{"service":"/svc/users","split":"users","branch":"v2","backend":"/#/registry/users-v2","requests_per_second":99.96,"success_rate":0.9987,"p50":"2.1ms","p95":"3ms","p99":"1.2s"}]}"#

  @Test func stat() {
    let run = Run("stat", "backend", "--window", "5m", answers: [.json(Self.metrics)])
    #expect(run.targets == ["GET /v1/namespaces/default/metrics?group_by=backend&window=5m"])
    for text in ["users", "v2", "100.0", "99.87 %", "2.1 ms", "1200 ms"] {
      #expect(run.output.contains(text), "\(text)")
    }
  }

  @Test func topDrawsAsOftenAsAsked() {
    let run = Run("top", "--count", "3", answers: [.json(Self.metrics), .json(Self.metrics), .json(Self.metrics)])
    #expect(run.calls.count == 3)
    #expect(run.output.split(separator: "\u{1B}[2J", omittingEmptySubsequences: false).count == 4)
  }

  @Test func watchFiltersAndStops() {
    let run = Run(
      "watch", "--event", "revision", "--count", "1", "--since", "4",
      events: [
        "id: 5\nevent: metrics\ndata: {}\n\nid: 6\nevent: revision\ndata: {\"revision\":6}\n\n",
        "event: revision\ndata: {\"revision\":7}\n\n",
      ])
    #expect(run.output.contains("revision=6") && !run.output.contains("revision=7") && !run.output.contains("metrics"))
    #expect(run.calls[0].headers.contains(.init("last-event-id", "4")))
  }

  @Test func resolveShowsEveryStep() {
    let answer = ##"""
      {"name":"/svc/users/a","revision":5,"result":"bound","tree":{"kind":"lookup","path":"/svc/users/a","result":"bound","steps":[
        {"by":"split","split":"users","revision":5,"dentry":"/svc/users => 9*/#/registry/v1 & 1*/#/registry/v2","chosen":true,
         "tree":{"kind":"union","result":"bound","detail":"why","branches":[
           {"branch":"v1","weight":9,"share":0.9,"result":"bound","tree":{"kind":"leaf","name":"/#/registry/v1","residual":"/a",
             "result":"bound","endpoint_count":4,"endpoints":[{"address":"a:1"},{"address":"b:1"},{"address":"c:1"},{"address":"d:1"}]}},
           {"branch":"v2","weight":1,"share":0.1,"result":"negative","tree":{"kind":"leaf","name":"/#/registry/v2","residual":"/",
             "result":"negative","detail":"no service v2"}}]}},
        {"by":"rule","rule":"r-1","revision":2,"dentry":"/svc => /#/registry","chosen":false,
         "tree":{"kind":"leaf","name":"/#/registry/users","residual":"/a","result":"bound","endpoint_count":0,"endpoints":[]}}]}}
      """##
    let run = Run("resolve", "/svc/users/a", "--dtab", "/a=>/b", answers: [.json(answer)])
    #expect(run.targets == ["GET /v1/namespaces/default/resolve?name=%2Fsvc%2Fusers%2Fa&dtab=%2Fa%3D%3E%2Fb"])
    #expect(
      run.output == """
        /svc/users/a bound at revision 5
        ├─ ▸ split users@5  /svc/users => 9*/#/registry/v1 & 1*/#/registry/v2
        │  (why)
        │  ├─ ▸ v1 90.00 %  /#/registry/v1 + /a bound: a:1 b:1 c:1 and 1 more
        │  └─   v2 10.00 %  /#/registry/v2 negative (no service v2)
        └─   rule r-1@2  /svc => /#/registry  /#/registry/users + /a bound, no endpoint

        """)
  }

  @Test func stepsInBetweenShowTheirPaths() {
    let answer = ##"""
      {"name":"/svc/w","revision":5,"result":"bound","tree":{"kind":"lookup","path":"/svc/w","result":"bound","steps":[
        {"by":"request","index":0,"dentry":"/svc/w => /svc/u","chosen":true,"tree":{"kind":"lookup","path":"/svc/u","result":"bound","steps":[
          {"by":"rule","rule":"r-1","revision":2,"dentry":"/svc => /#/a | /#/b","chosen":true,"tree":{"kind":"alternatives","result":"bound","alternatives":[
            {"kind":"leaf","name":"/#/a/u","residual":"/","result":"negative","chosen":false,"detail":"no such name"},
            {"kind":"leaf","name":"/#/b/u","id":"/#/b","residual":"/u","result":"bound","chosen":true,"endpoint_count":0,"endpoints":[]}]}}]}}]}}
      """##
    let run = Run("resolve", "/svc/w", "--context", "/x=>/y", answers: [.json(answer)])
    #expect(run.targets == ["GET /v1/namespaces/default/resolve?name=%2Fsvc%2Fw&context=%2Fx%3D%3E%2Fy"])
    #expect(
      run.output == """
        /svc/w bound at revision 5
        └─ ▸ request 0  /svc/w => /svc/u  → /svc/u
           └─ ▸ rule r-1@2  /svc => /#/a | /#/b
              ├─   /#/a/u negative (no such name)
              └─ ▸ /#/b + /u bound, no endpoint

        """)
  }

  @Test func anUnknownNameSaysSo() {
    let answer =
      #"{"name":"/svc/x","revision":5,"result":"negative","tree":{"kind":"lookup","path":"/svc/x","result":"negative","steps":[],"detail":"no rule matches"}}"#
    let run = Run("resolve", "/svc/x", answers: [.json(answer)])
    #expect(run.output == "/svc/x negative at revision 5 (no rule matches)\n")
  }
}

@Suite struct CheckTests {
  static func answers(proxies: String, splits: String, services: String, ready: Int = 200) -> [APIAnswer] {
    [
      .json(#"{"version":"\#(Version.text)"}"#), .json("ok", status: ready), .json(#"{"proxies":[\#(proxies)]}"#),
      .json(#"{"rules":[]}"#), .json(#"{"splits":[\#(splits)]}"#), .json(#"{"services":[\#(services)]}"#),
    ]
  }
  static let split = ##"{"name":"users","backends":[{"name":"v1","destination":"/#/registry/users-v1","weight":1}]}"##
  static let service = #"{"name":"users-v1","endpoints":[{"address":"10.0.0.1:80"}]}"#

  @Test func allIsWell() {
    let run = Run(
      "check",
      answers: Self.answers(proxies: #"{"id":"p","state":"synced"}"#, splits: Self.split, services: Self.service))
    #expect(run.status == .done)
    #expect(!run.output.contains("✗"))
  }

  @Test(arguments: ["rejected", "stale", "disconnected"]) func aProxyThatIsNotWell(_ state: String) {
    let run = Run(
      "check",
      answers: Self.answers(proxies: #"{"id":"p7","state":"\#(state)"}"#, splits: Self.split, services: Self.service))
    #expect(run.status == .failed)
    #expect(run.output.contains("✗ proxy p7") && run.output.contains("hint: "))
  }

  @Test func aServiceWithoutEndpointsAndASplitWithoutWeight() {
    let zero =
      ##"{"name":"users","backends":[{"name":"v1","destination":"/#/registry/users-v1 | /#/registry/gone","weight":0}]}"##
    let run = Run(
      "check", answers: Self.answers(proxies: #"{"id":"p","state":"synced"}"#, splits: zero, services: Self.service))
    #expect(run.status == .failed)
    #expect(run.output.contains("service gone") && run.output.contains("all weights are 0"))
  }

  @Test func whatTheControllerFindsOfItselfIsSaid() {
    var answers = Self.answers(proxies: #"{"id":"p","state":"synced"}"#, splits: Self.split, services: Self.service)
    answers[1] = .json(
      #"{"ready":true,"checks":[{"name":"store","ok":true},{"name":"disk","ok":false,"detail":"nearly full","fatal":false}]}"#
    )
    let warned = Run("check", answers: answers)
    #expect(warned.status == .done)
    #expect(warned.output.contains("! controller, disk: nearly full"))
    answers[1] = .json(
      #"{"ready":false,"checks":[{"name":"history","ok":false,"detail":"lost","fatal":true}]}"#, status: 503)
    #expect(Run("check", answers: answers).status == .failed)
  }

  @Test func aControllerThatIsNotReady() {
    let run = Run(
      "check",
      answers: Self.answers(
        proxies: #"{"id":"p","state":"synced"}"#, splits: Self.split, services: Self.service, ready: 503))
    #expect(run.status == .failed)
  }
}

@Suite struct ProgramTests {
  @Test(arguments: ["bash", "zsh", "fish"]) func completionNamesTheCommands(_ shell: String) {
    let run = Run("completion", shell)
    #expect(run.status == .done)
    #expect(run.output.contains("rollback"))
  }

  @Test func theOwnVersionIsShownEvenWithoutAController() {
    let run = Run("version")
    #expect(run.status == .unreachable)
    #expect(run.output.contains(Version.text))
  }

  @Test func rollback() {
    let run = Run("rollback", "41", "--reason", "errors", answers: [.json(#"{"revision":44}"#)])
    #expect(run.targets == ["POST /v1/namespaces/default/revisions/41:rollback"])
    #expect(run.output.contains("41") && run.output.contains("44"))
  }
}

@Suite struct IdentityCommandTests {
  @Test func theAuthorities() {
    let answer = APIAnswer.json(
      #"{"trust_domain":"heddle.local","leaf_lifetime":"24h","authorities":[{"id":"4f2a","state":"issuing","not_after":"2036-11-26T10:00:00.000Z","kept_in":"store","public_key_hash":"00112233445566778899"}]}"#
    )
    let run = Run("identity", answers: [answer])
    #expect(run.status == .done && run.targets == ["GET /v1/identity"])
    #expect(run.output.contains("trust domain heddle.local") && run.output.contains("4f2a"))
    #expect(Run("identity", "rotate", answers: [answer]).targets == ["POST /v1/identity/authorities:rotate"])
    #expect(Run("identity", "activate", answers: [answer]).targets == ["POST /v1/identity/authorities:activate"])
  }

  @Test func tokens() {
    let made = Run(
      "identity", "token", "create", "users", "--ttl", "24h", "--uses", "3", "-n", "shop",
      answers: [.json(#"{"id":"1","token":"hj1.1.a.b"}"#, status: 201)])
    #expect(made.targets == ["POST /v1/namespaces/shop/join-tokens"])
    #expect(made.body == #"{"identity":"users","ttl":"24h","uses":3}"#)
    #expect(made.output == "hj1.1.a.b\n")
    // Into a file as well; the whole answer where a form is asked for.
    let answer = APIAnswer.json(#"{"id":"1","token":"hj1.1.a.b"}"#, status: 201)
    let piped = Run("identity", "token", "create", "users", answers: [answer], terminal: false)
    #expect(piped.output == "hj1.1.a.b\n")
    let asked = Run("identity", "token", "create", "users", "-o", "json", answers: [answer], terminal: false)
    #expect(asked.output.contains(#""id": "1""#))
    let listed = Run(
      "identity", "token", "list",
      answers: [.json(#"{"join_tokens":[{"id":"1","identity":"users","used":1,"uses":3,"expires_at":"soon"}]}"#)])
    #expect(listed.output.contains("1 of 3"))
    #expect(
      Run("identity", "token", "delete", "1", answers: [.json("{}")]).targets
        == ["DELETE /v1/namespaces/default/join-tokens/1"])
  }

  @Test func aRefusalIsSaid() {
    let run = Run(
      "identity", "activate",
      answers: [.json(#"{"title":"Conflict","status":409,"detail":"No rotation is under way."}"#, status: 409)])
    #expect(run.status == .conflict && run.complaints.contains("No rotation"))
  }
}
