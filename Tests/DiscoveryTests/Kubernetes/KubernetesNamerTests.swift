import Serving
import SystemIO
import Testing

@testable import Discovery

@Suite struct KubernetesNamerTests {
  private let cluster: FakeKubernetes

  init() throws {
    cluster = try FakeKubernetes()
    cluster.put(FakeKubernetes.services, FakeKubernetes.service("web"))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.1", "10.0.0.2"]))
  }

  private func discovering(_ more: String = "") throws -> Discovering {
    try Discovering("kind: io.l5d.k8s\nurl: \(cluster.server.url)" + (more.isEmpty ? "" : "\n" + more))
  }

  @Test func bindsByPortNameAndNumber() async throws {
    let discovering = try discovering()
    let both = ["10.0.0.1:8080", "10.0.0.2:8080"]
    #expect(await discovering.wants("/#/io.l5d.k8s/prod/http/web", bound: both))
    #expect(await discovering.wants("/#/io.l5d.k8s/prod/80/web", bound: both))
    let named = await discovering.want("/#/io.l5d.k8s/Prod/http/WEB/more") { $0.has(both) }
    #expect(named?.residual == path("/more"))
    #expect(named?.endpoints.first?.zone == "a")
    #expect(await discovering.want("/#/io.l5d.k8s/prod/81/web") { $0.state == .negative } != nil)
    #expect(await discovering.want("/#/io.l5d.k8s/prod/http/nobody") { $0.state == .negative } != nil)
    #expect(await discovering.want("/#/io.l5d.k8s/..%2f/http/web") { $0.state == .negative } != nil)
  }

  @Test func tellsEveryChange() async throws {
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-2", of: "web", ["10.0.0.3"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"]))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.1"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.1:8080", "10.0.0.3:8080"]))
    cluster.delete(FakeKubernetes.slices, "web-1")
    #expect(await discovering.sees(name, bound: ["10.0.0.3:8080"]))
    cluster.delete(FakeKubernetes.slices, "web-2")
    #expect(await discovering.sees(name, bound: []))
    cluster.delete(FakeKubernetes.services, "web")
    #expect(await discovering.wait(name) { $0.state == .negative } != nil)
  }

  @Test func takesWhoIsReadyElseWhoIsLeaving() async throws {
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    cluster.put(
      FakeKubernetes.slices,
      FakeKubernetes.slice(
        "web-2", of: "web", ["10.0.0.3"], conditions: #"{"ready":false,"serving":true,"terminating":true}"#))
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    cluster.put(
      FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.1"], conditions: #"{"ready":false}"#))
    #expect(await discovering.sees(name, bound: ["10.0.0.3:8080"]))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.1"], conditions: "{}"))
    #expect(await discovering.sees(name, bound: ["10.0.0.1:8080"]))
  }

  @Test func goesOnWhereAWatchEnded() async throws {
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    let cluster = cluster
    #expect(await eventually { cluster.watchCount == 2 })
    let place = cluster.bookmark()
    // What happens while no watch stands is told by the next one, which begins at the bookmark.
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.9"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.9:8080"]))
    cluster.endWatches()
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.7"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.7:8080"]))
    let lists = cluster.server.requests.filter { !($0.query ?? "").contains("watch=1") }
    #expect(lists.count == 2)
    // Of the two watches one had come further; the other may begin anew a little later.
    #expect(
      await eventually { cluster.server.requests.contains { ($0.query ?? "").contains("resourceVersion=\(place)") } })
  }

  @Test(arguments: [false, true]) func listsAnewWhenItsPlaceIsForgotten(silently: Bool) async throws {
    if silently { cluster.hideExpiry() }
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    let cluster = cluster
    #expect(await eventually { cluster.watchCount == 2 })
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.5"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.5:8080"]))
    cluster.server.set(.refusing(503))
    cluster.endWatches()
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.8"]))
    cluster.delete(FakeKubernetes.services, "gone")
    cluster.compact()
    cluster.server.set(.up)
    #expect(await discovering.sees(name, bound: ["10.0.0.8:8080"]))
  }

  @Test func readsListsInPages() async throws {
    for number in 0..<1200 { cluster.put(FakeKubernetes.services, FakeKubernetes.service("s\(number)")) }
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("last", of: "s999", ["10.1.0.1"]))
    let discovering = try discovering()
    #expect(await discovering.wants("/#/io.l5d.k8s/prod/http/s999", bound: ["10.1.0.1:8080"]))
    #expect(cluster.server.requests.filter { $0.path == FakeKubernetes.services }.count >= 3)
  }

  @Test func aCorruptObjectConcernsItsOwnNameOnly() async throws {
    cluster.put(FakeKubernetes.services, #"{"metadata":{"name":"bad"},"spec":{"ports":[{"port":"eighty"}]}}"#)
    cluster.put(FakeKubernetes.services, FakeKubernetes.service("worse"))
    cluster.put(
      FakeKubernetes.slices,
      #"{"metadata":{"name":"w","labels":{"kubernetes.io/service-name":"worse"}},"addressType":"IPv4","ports":3}"#)
    cluster.put(FakeKubernetes.slices, #"{"metadata":null,"addressType":7}"#)
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    let bad = await discovering.want("/#/io.l5d.k8s/prod/http/bad") { $0.state == .failed }
    #expect(bad?.reason == "the Service bad makes no sense: port is no port number")
    let worse = await discovering.want("/#/io.l5d.k8s/prod/http/worse") { $0.state == .failed }
    #expect(worse?.reason.contains("ports is a number") == true)
    // A slice that becomes wrong leaves what was known of it, until it is right again.
    cluster.put(FakeKubernetes.slices, #"{"metadata":{"name":"web-1"},"addressType":"IPv4","endpoints":{}}"#)
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-2", of: "web", ["10.0.0.3"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"]))
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.4"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.3:8080", "10.0.0.4:8080"]))
  }

  @Test(arguments: [
    Mood.refusing(500), .refusing(403), .babbling("<html>"), .babbling("{}"), .babbling(#"{"items":[]}"#),
  ])
  func failsBeforeTheFirstAnswerAndRecovers(mood: Mood) async throws {
    cluster.server.set(mood)
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.want(name) { $0.state == .failed && !$0.reason.isEmpty } != nil)
    cluster.server.set(.up)
    #expect(await discovering.sees(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
  }

  @Test(arguments: [Mood.refusing(500), .silent, .babbling("]")])
  func keepsWhatWasBoundWhileTheServerIsAway(mood: Mood) async throws {
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    let both = ["10.0.0.1:8080", "10.0.0.2:8080"]
    #expect(await discovering.wants(name, bound: both))
    let cluster = cluster
    #expect(await eventually { cluster.watchCount == 2 })
    cluster.server.set(mood)
    let before = cluster.server.requests.count
    cluster.endWatches()
    #expect(await eventually { cluster.server.requests.count > before })
    if case .silent = mood {
      #expect(discovering.told.all.allSatisfy { $0.state == .bound })
    } else {
      let stale = await discovering.wait(name) { !$0.reason.isEmpty }
      #expect(stale?.has(both) == true)
      cluster.server.set(.up)
      #expect(await discovering.wait(name) { $0.reason.isEmpty && $0.version > stale?.version ?? 0 } != nil)
    }
  }

  @Test func aWatchThatTalksNonsenseIsBegunAnew() async throws {
    let discovering = try discovering()
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    let cluster = cluster
    for text in ["}", #"{"type":"ADDED"}"#, #"{"type":"MODIFIED","object":{}}"#, #"{"a":1,"a":2}"#] {
      #expect(await eventually { cluster.watchCount == 2 })
      cluster.say(text)
      let address = "10.0.1.\(text.utf8.count)"
      cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", [address]))
      #expect(await discovering.sees(name, bound: ["\(address):8080"]))
    }
  }

  @Test func namesOfANamespaceShareTwoWatches() async throws {
    for number in 0..<40 {
      cluster.put(FakeKubernetes.services, FakeKubernetes.service("s\(number)"))
      cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("s\(number)-x", of: "s\(number)", ["10.2.0.\(number)"]))
    }
    let discovering = try discovering()
    for number in 0..<40 {
      #expect(await discovering.wants("/#/io.l5d.k8s/prod/http/s\(number)", bound: ["10.2.0.\(number):8080"]))
    }
    let cluster = cluster
    #expect(await eventually { cluster.watchCount == 2 })
    #expect(cluster.server.requests.count == 4)
    for number in 0..<40 { discovering.service.release(path("/#/io.l5d.k8s/prod/http/s\(number)")) }
    #expect(
      await eventually {
        _ = cluster.bookmark()
        return cluster.watchCount == 0
      })
  }

  @Test func readsItsTokenAgainWhenItRotates() async throws {
    let file = "/tmp/heddle-\(try randomSeed())"
    defer { try? removeFile(file) }
    try writeAtomically(file, Array("old\n".utf8))
    cluster.demand(token: "old")
    let discovering = try discovering("tokenFile: \(file)")
    let name = "/#/io.l5d.k8s/prod/http/web"
    #expect(await discovering.wants(name, bound: ["10.0.0.1:8080", "10.0.0.2:8080"]))
    try writeAtomically(file, Array("new".utf8))
    cluster.demand(token: "new")
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.6"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.6:8080"]))
    cluster.endWatches()
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("web-1", of: "web", ["10.0.0.7"]))
    #expect(await discovering.sees(name, bound: ["10.0.0.7:8080"]))
  }
}
