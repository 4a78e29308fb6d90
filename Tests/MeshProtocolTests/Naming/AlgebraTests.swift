import MeshProtocol
import TestSupport
import Testing

@Suite struct AlgebraTests {
  @Test func concatenation() throws {
    let first = try Dtab(parsing: "/foo => /bar")
    let second = try Dtab(parsing: "/foo=>/biz;/biz=>/$/inet/8080;/bar=>/$/inet/9090")
    #expect((first + second).description == "/foo=>/bar;/foo=>/biz;/biz=>/$/inet/8080;/bar=>/$/inet/9090")
    #expect((first + Dtab()) == first)
  }

  @Test func strippingAPrefix() throws {
    let table = try Dtab(parsing: "/foo => /bar; /biz => /baz")
    let more = try Dtab(parsing: "/foo=>/123")
    #expect((table + more).strippingPrefix(table) == more)
    #expect(table.strippingPrefix(table) == Dtab())
    #expect(table.strippingPrefix(table + more) == table)
    #expect(table.strippingPrefix(Dtab()) == table)
    #expect(table.strippingPrefix(more) == table)
  }

  @Test func equivalence() throws {
    let a = try Dentry(parsing: "/foo => /bar | ~ | (! | /x)")
    #expect(a.isEquivalent(to: try Dentry(parsing: "/foo=>/bar | !")))
    #expect(!a.isEquivalent(to: try Dentry(parsing: "/foo=>/bar")))
    #expect(!a.isEquivalent(to: try Dentry(parsing: "/fo=>/bar | !")))
    #expect(try Dtab(parsing: "/a=>~ | ~;/b=>/c|~").simplified.description == "/b=>/c")
  }

  /// Later entries first, the rest of the path on every leaf.
  @Test(arguments: [
    ("/a => /b", "/a/x", "/b/x"),
    ("/a => /b", "/b", "~"),
    ("/ => /b", "/x/y", "/b/x/y"),
    ("/ => /b", "/", "/b"),
    ("/a/*/c => /d", "/a/b", "~"),
    ("/a/*/c => /d", "/a/b/c/e", "/d/e"),
    ("/*/windowShop => /x", "/shoeStore/windowShop/sandals", "/x/sandals"),
    ("/a/*/c => /d", "/shoeStore/windowShop/sandals", "~"),
    ("/s => /x ; /s => /y; /s/a => /z", "/s/a", "/z | /y/a | /x/a"),
    ("/s => 2*/a & /b", "/s/x", "2*/a/x & /b/x"),
    ("/s => /a | (/b & !)", "/s/x", "/a/x | /b/x & !"),
    ("/s => ~; /s => ~", "/s", "~ | ~"),
    ("/http/1.1/GET/*/icecream => /smitten", "/http/1.1/GET/vanilla/icecream", "/smitten"),
  ])
  func lookup(_ dtab: String, _ path: String, _ expected: String) throws {
    #expect(try Dtab(parsing: dtab).lookup(Path(parsing: path)) == NameTree(parsing: expected))
  }

  /// Finagle's `NameTreeTest`: evaluation before and after simplification gives the same set; nil is "none".
  @Test(
    arguments: [
      ("~", nil), ("!", nil), ("$", []), ("/ok", ["/ok"]), ("/ok & /ok1", ["/ok", "/ok1"]),
      ("/ok & /ok1 & ~", ["/ok", "/ok1"]), ("$ & $ & $", []), ("$ & $ & /OK", ["/OK"]), ("~ | /foo | /bar", ["/foo"]),
      ("~ | $ | /blah", []), ("~ | (! | /a) | /b", nil), ("(~|$|/foo) & (/bar|/blah) & ~ & /FOO", ["/bar", "/FOO"]),
      ("/ok | !", ["/ok"]), ("/ok & !", ["/ok"]), ("! & ~", nil), ("~ | /ok | !", ["/ok"]), ("! | /ok", nil),
      ("~ | ! | /ok", nil), ("(! & ~) | /ok", ["/ok"]),
    ] as [(String, Set<String>?)])
  func evaluation(_ text: String, _ expected: Set<String>?) throws {
    let tree = try NameTree<Path>(parsing: text)
    #expect(tree.evaluated.map { Set($0.map(\.description)) } == expected)
    #expect(tree.simplified.evaluated == tree.evaluated)
  }

  @Test(arguments: [
    ("~ | /a", "/a"), ("/a | ! | /b", "/a | !"), ("! | /b", "!"), ("~ | ~", "~"), ("/a | $ | /b", "/a | $ | /b"),
    ("2*/a & !", "/a"), ("2*/a & 3*$ & ~", "2*/a & 3*$"), ("~ & !", "~"), ("(/a & ~) | (~ | /b)", "/a | /b"),
    ("(/a & /b) & /c", "(/a & /b) & /c"),
  ])
  func simplification(_ text: String, _ expected: String) throws {
    #expect(try NameTree<Path>(parsing: text).simplified == NameTree(parsing: expected))
  }

  @Test func simplificationIsIdempotentAndKeepsTheMeaning() {
    var random = SeededRandom(seed: 29)
    for _ in 0..<3000 {
      let tree = RandomNames.tree(&random, depth: 4)
      let simple = tree.simplified
      #expect(simple.simplified == simple, "\(tree)")
      #expect(simple.evaluated == tree.evaluated, "\(tree)")
    }
  }

  @Test func paths() throws {
    let path = try Path(parsing: "/a/b/c")
    #expect(path.hasPrefix(try Path(parsing: "/a/b")))
    #expect(path.hasPrefix(.root))
    #expect(!path.hasPrefix(try Path(parsing: "/b")))
    #expect(!path.hasPrefix(try Path(parsing: "/a/b/c/d")))
    #expect(path.dropFirst(2).description == "/c")
    #expect(path.dropFirst(7).isRoot)
    #expect(path.prefix(2).description == "/a/b")
    #expect((Path.root + path) == path)
    #expect(try Path(parsing: "/a") < path)
    #expect(Path(labels: ["a", ""]) == nil)
  }
}
