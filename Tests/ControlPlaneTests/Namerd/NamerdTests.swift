import Discovery
import JSONFormat
import MeshProtocol
import Serving
import Testing

@testable import ControlPlane

/// namerd's HTTP API: statuses, versions, shapes.
@Suite struct NamerdTests {
  private func put(_ plane: Plane, _ namespace: String, _ dtab: String, _ headers: (String, String)...) async -> Answer {
    await plane.raw(
      "PUT", "/api/1/dtabs/\(namespace)", Array(dtab.utf8), headers: [("content-type", "application/dtab")] + headers)
  }

  @Test func versionsAreThoseOfNamerd() {
    #expect(NamerdVersion.text(1) == "AAAAAAAAAAE=")
    for revision in [0, 1, 255, 256, 1 << 40, UInt64.max] {
      #expect(NamerdVersion.revision(NamerdVersion.text(revision)) == revision)
      #expect(NamerdVersion.revision("\"\(NamerdVersion.text(revision))\"") == revision)
    }
    for text in ["", "\"", "AAAA", "AAAAAAAAAAE", "AAAAAAAAAA*=", "5", "====", "AAAAAAAAAAEA"] {
      #expect(NamerdVersion.revision(text) == nil, "\(text)")
    }
  }

  @Test func dtabsByVersion() async throws {
    let plane = try Plane()
    let made = await plane.raw(
      "POST", "/api/1/dtabs/web", Array("[{\"prefix\":\"/a\",\"dst\":\"2*/b & /c\"}]".utf8),
      headers: [("content-type", "application/json")])
    #expect(made.status == 204 && made.response.bytes == [])
    let text = await plane.raw("GET", "/api/1/dtabs/web", headers: [("accept", "application/dtab")])
    #expect(text.text == "/a=>2*/b & /c\n" && text.response.headers["content-type"] == "application/dtab")
    let read = await plane.call("GET", "/api/1/dtabs/web")
    #expect(read.json == [["prefix": "/a", "dst": "2*/b & /c"]])
    let version = try #require(read.tag)
    #expect(version == "AAAAAAAAAAE=")
    #expect(await plane.raw("HEAD", "/api/1/dtabs/web").tag == version)
    #expect(await put(plane, "web", "/a=>/d", ("if-match", version)).status == 204)
    #expect(await put(plane, "web", "/a=>/e", ("if-match", version)).status == 412)
    #expect(await put(plane, "web", "/a=>/e", ("if-match", "nonsense")).status == 412)
    #expect(await put(plane, "none", "/a=>/e", ("if-match", version)).status == 404)
    #expect(await put(plane, "web", "/a=>").status == 400)
    #expect(await plane.raw("PUT", "/api/1/dtabs/web", Array("/a=>/b".utf8)).status == 400)
    #expect(await plane.call("PUT", "/api/1/dtabs/web", [["prefix": "/a"]]).status == 400)
    #expect(await plane.call("GET", "/api/1/dtabs").json == ["default", "web"])
  }

  @Test func whatNamerdDoesNotKnowIsNotDeleted() async throws {
    let plane = try Plane()
    await plane.split("users", "/svc/users", [("v1", 1)])
    #expect(await plane.call("DELETE", "/api/1/dtabs/default").status == 409)
    #expect(await plane.call("DELETE", "/api/1/dtabs/none").status == 404)
  }

  /// The reference's cases 151 to 155.
  @Test func delegationIsAsTheReferenceHasIt() async throws {
    let plane = try Plane()
    let dtab = """
      /beh => /#/error; /bah/humbug => /$/inet/127.0.0.1/8080; /foo => /bah | /beh | /$/fail; /foo => /bar;
      /boo => /foo; /meh => /heh; /neg => ~; /nah => /#/registry/namer
      """
    #expect(await put(plane, "default", dtab).status == 204)
    _ = await plane.at("PUT", "/services/namer", ["endpoints": []])
    let nope = await plane.call("GET", "/api/1/delegate/default?path=/nope").json
    #expect(nope == ["type": "neg", "path": "/nope"])
    let humbug = await plane.call(
      "POST", "/api/1/delegate", ["namespace": "default", "path": "/boo/humbug", "dtab": ""]
    ).json
    #expect(humbug["type"] == "delegate" && humbug["path"] == "/boo/humbug" && humbug["dentry"] == nil)
    let alternatives = try #require(humbug["delegate"])
    #expect(alternatives["type"] == "alt" && alternatives["path"] == "/foo/humbug")
    #expect(alternatives["dentry"] == ["prefix": "/boo", "dst": "/foo"])
    let nodes = try #require(alternatives["alt"]?.items)
    #expect(nodes.map { $0["path"] } == ["/bar/humbug", "/bah/humbug", "/beh/humbug", "/$/fail/humbug"])
    #expect(nodes.map { $0["type"] } == ["neg", "delegate", "delegate", "fail"])
    #expect(nodes[1]["delegate"]?["bound"]?["id"] == "/$/inet/127.0.0.1/8080")
    #expect(nodes[1]["dentry"] == ["prefix": "/foo", "dst": "/bah | /beh | /$/fail"])
    let namer = await plane.call("GET", "/api/1/delegate/default?path=/nah/bro").json
    #expect(namer["delegate"]?["type"] == "leaf" && namer["delegate"]?["path"] == "/#/registry/namer/bro")
    #expect(namer["delegate"]?["bound"]?["id"] == "/#/registry/namer")
    #expect(namer["delegate"]?["bound"]?["path"] == "/bro")
  }

  @Test func boundTrees() async throws {
    let plane = try Plane()
    _ = await plane.at("PUT", "/services/v1/endpoints/10.0.0.1:80", ["weight": 2])
    _ = await plane.at("PUT", "/services/v2", ["endpoints": []])
    #expect(await put(plane, "default", "/svc => 9*/#/registry/v1 & 1*/#/registry/v2").status == 204)
    let bound = await plane.call("GET", "/api/1/bind/default?path=/svc/x").json
    #expect(bound["type"] == "union" && bound["union"]?[0]?["weight"] == 9)
    let leaf = bound["union"]?[0]?["tree"]
    #expect(leaf?["type"] == "leaf" && leaf?["bound"]?["id"] == "/#/registry/v1" && leaf?["bound"]?["path"] == "/x")
    #expect(
      leaf?["bound"]?["addr"]?["addrs"] == [["ip": "10.0.0.1", "port": 80, "meta": ["endpoint_addr_weight": 2]]])
    #expect(await plane.call("GET", "/api/1/bind/default?path=/nope").json == ["type": "neg"])
    #expect(await plane.call("GET", "/api/1/bind/none?path=/nope").json == ["type": "neg"])
    #expect(await plane.call("GET", "/api/1/bind/default?path=/a&dtab=/a%3D%3E!").json == ["type": "fail"])
    #expect(await plane.call("GET", "/api/1/bind/default?path=/a&dtab=/a").status == 400)
    #expect(await plane.call("GET", "/api/1/bind/default").status == 400)
    #expect(await plane.call("GET", "/api/1/bound-names").json == ["/#/registry.ns/default/v1", "/#/registry.ns/default/v2"])
    #expect(await plane.call("GET", "/api/1/addr/default?path=/%23/registry/none").json == ["type": "neg"])
    let inet = await plane.call("GET", "/api/1/addr/default?path=/$/inet/127.0.0.1/80").json
    #expect(inet["addrs"]?[0]?["ip"] == "127.0.0.1")
  }

  @Test func watchersAreBounded() throws {
    let watchers = NamerdWatchers()
    let keys = try (0..<NamerdWatchers.limit).map { _ in try #require(watchers.add()).key }
    #expect(watchers.add() == nil)
    watchers.remove(keys[0])
    #expect(watchers.add() != nil)
  }
}
