import Foundation
import MeshProtocol
import Testing

@testable import Console

/// `heddle dtab check`, `diff` and `edit`.
@Suite struct DtabToolTests {
  @Test func findingsAreShownUnderTheirPlace() {
    let text = "# rules\n/svc => /#/registry | ! | /#/registry/b ;\n/svc/a => /#/registry/a ;\n/svc/a => ! ;\n"
    let run = Run("dtab", "check", "--offline", "-", input: text)
    #expect(run.status == .done && run.calls.isEmpty)
    #expect(run.output == "3 entries, well formed\n")
    let lines = run.complaints.split(separator: "\n").map(String.init)
    #expect(lines[0] == "warning: unreachable_alternative")
    #expect(lines[1] == "2 | /svc => /#/registry | ! | /#/registry/b ;")
    #expect(lines[2].hasPrefix("  |                           ^ rule 1 has alternatives behind !"))
    #expect(lines.contains { $0.contains("^ rule 2 is never reached: rule 3 (/svc/a=>!) wins") })
    #expect(Run("dtab", "check", "--offline", "--strict", "-", input: text).status == .failed)
    #expect(Run("dtab", "check", "--offline", "--strict", "-", input: "/svc => /#/registry").status == .done)
  }

  @Test func loopsAreErrors() {
    let run = Run("dtab", "check", "-", input: "/a => /b ;\n/b => /a ;\n")
    #expect(run.status == .failed && run.calls.isEmpty)
    #expect(run.complaints.contains("error: loop\n1 | /a => /b ;\n  | ^ rule 1 makes a loop: Max recursion level"))
    #expect(run.complaints.contains("they would be refused"))
  }

  @Test func theControllerSaysWhatOnlyItKnows() {
    let answer = ##"""
      {"dry_run":true,"revision":4,"diff":[{"op":"add","kind":"rule","name":"r-1","after":{"prefix":"/svc"}}],"warnings":[
        {"code":"unknown_service","detail":"rule r-1 leads to /#/registry/ghost"},
        {"code":"unreachable_alternative","detail":"said already"}]}
      """##
    let text = "/svc => /#/registry/ghost | ! | /#/registry/b"
    let run = Run("dtab", "check", "-", answers: [.json(answer)], input: text)
    #expect(run.status == .done)
    #expect(run.output.contains("1 entry, well formed\ndry run, nothing stored\n+ rule r-1"))
    #expect(run.complaints.contains("warning: unknown_service: rule r-1 leads to /#/registry/ghost"))
    #expect(!run.complaints.contains("said already"))
    #expect(Run("dtab", "check", "--strict", "-", answers: [.json(answer)], input: "/a => ~").status == .failed)
    let json = Run("dtab", "check", "-", "-o", "json", answers: [.json(answer)], input: text)
    #expect(json.output.contains("\"line\": 1") && json.output.contains("\"column\": 33"))
  }

  @Test func diffNamesEntriesThatComeGoAndMove() {
    let stored = "/a => /1 ;\n/b => /2 ;\n/c => 1.0*/3 & /4 ;\n"
    let run = Run("dtab", "diff", "-", answers: [.json(stored)], input: "/b=>/2; /c => /3 & /4 # same\n; /a => /1; /d => /5")
    #expect(run.targets == ["GET /v1/namespaces/default/dtab"])
    #expect(run.output == "> 3  /a => /1  (was 1)\n+ 4  /d => /5\n")
    let changed = Run("dtab", "diff", "-", "--exit-code", answers: [.json(stored)], input: "/a => /9 ; /b => /2 ; /c => /3 & /4")
    #expect(changed.status == .failed)
    #expect(changed.output == "- 1  /a => /1\n+ 1  /a => /9\n")
    let same = Run("dtab", "diff", "-", "--exit-code", answers: [.json(stored)], input: stored)
    #expect(same.status == .done && same.output == "no difference\n")
  }

  /// Applying a diff by hand gives the new table: everything not named stays in its order.
  @Test func diffsAreWhole() throws {
    let tables = try [
      "", "/a => /1", "/a => /1 ; /b => /2", "/b => /2 ; /a => /1", "/a => /1 ; /a => /1", "/c => /3 ; /a => /1 ; /b => /2",
      "/b => /2 ; /c => /3 ; /b => /2 ; /a => /1",
    ].map { try Dtab(parsing: $0) }
    for old in tables {
      for new in tables {
        var (kept, placed) = (old.dentries.map { Dentry?.some($0) }, [Int: Dentry]())
        for line in DtabDiff(from: old, to: new).lines {
          switch line {
          case .removed(let number, let dentry):
            #expect(kept[number - 1] == dentry)
            kept[number - 1] = nil
          case .added(let number, let dentry): placed[number] = dentry
          case .moved(let from, let to, let dentry):
            #expect(kept[from - 1] == dentry)
            kept[from - 1] = nil
            placed[to] = dentry
          }
        }
        var staying = kept.compactMap { $0 }[...]
        let made = (1...max(1, new.dentries.count)).compactMap { placed[$0] ?? staying.popFirst() }
        #expect(made == new.dentries && staying.isEmpty, "\(old) to \(new)")
      }
    }
  }

  @Test func aConflictShowsWhatOthersDidAndKeepsTheText() throws {
    let run = Run(
      "dtab", "edit",
      answers: [
        .json("/a => /b ;\n/x => /y ;\n", headers: [.init("etag", "\"6\"")]),
        .json(#"{"title":"Precondition Failed","detail":"The namespace is at revision 7","status":412}"#, status: 412),
        .json("/a => /b ;\n/x => /z ;\n", headers: [.init("etag", "\"7\"")]),
      ], environment: ["EDITOR": "sed -i s/b/c/"])
    #expect(run.status == .conflict)
    #expect(run.complaints.contains("changed meanwhile, revision 6 to 7:\n  - 2  /x => /y\n  + 2  /x => /z\n"))
    let file = try #require(run.complaints.firstMatch(of: /kept in ([^ :]+):/)).1
    #expect(try String(contentsOfFile: String(file), encoding: .utf8) == "/a => /c ;\n/x => /y ;\n")
    try FileManager.default.removeItem(atPath: String(file))
  }
}
