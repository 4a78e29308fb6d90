import MeshProtocol
import TestSupport
import Testing

/// The grammar, against Finagle's own cases (`NameTreeParsersTest`, `DtabTest`) and its rules at the edges.
@Suite struct ParsingTests {
  @Test(
    arguments: [
      ("/", []),
      ("/foo/bar", ["foo", "bar"]),
      ("/\\x66\\x6f\\x6F", ["foo"]),
      ("/a\\x62c", ["abc"]),
      ("  /foo # comment", ["foo"]),
      ("# a\n /foo", ["foo"]),
      ("/#/x", ["#", "x"]),
      ("/bar#x", ["bar#x"]),
      ("/bar #x", ["bar"]),
      ("/$/inet/127.1:80/a-b_c%", ["$", "inet", "127.1:80", "a-b_c%"]),
    ] as [(String, [String])])
  func path(_ text: String, _ labels: [String]) throws {
    let path = try Path(parsing: text)
    #expect(path == Path(labels: labels))
    #expect(try Path(parsing: path.description) == path)
  }

  @Test(arguments: [
    ("", "'/' expected but end of input found at '[]'", 0),
    ("i", "'/' expected but 'i' found at '[i]'", 0),
    ("invalid-param", "'/' expected but 'i' found at '[i]nvalid-param'", 0),
    ("/foo/bar/", "label char expected but end of input found at '/foo/bar/[]'", 9),
    ("//", "end of input expected but '/' found at '/[/]'", 1),
    ("/a//b", "label char expected but '/' found at '/a/[/]b'", 3),
    ("/\\?", "'x' expected but '?' found at '/\\[?]'", 2),
    ("/\\x?", "hex char expected but '?' found at '/\\x[?]'", 3),
    ("/\\x0?", "hex char expected but '?' found at '/\\x0[?]'", 4),
    ("/\\x0", "hex char expected but end of input found at '/\\x0[]'", 4),
    ("/a b", "end of input expected but 'b' found at '/a [b]'", 3),
    ("/a/*", "label char expected but '*' found at '/a/[*]'", 3),
    ("/ä", "end of input expected but 'ä' found at '/[ä]'", 1),
    ("/a/äö", "label char expected but 'ä' found at '/a/[ä]ö'", 3),
  ])
  func badPath(_ text: String, _ message: String, _ offset: Int) {
    let error = NamingCheck.fault(inPath: text)
    #expect(error?.message == message)
    #expect(error?.offset == offset)
  }

  @Test(
    arguments: [
      ("! | ~ | $", NameTree.alt([.fail, .neg, .empty])),
      ("/foo", .leaf("/foo")),
      ("  /foo & /bar  ", .union([1 * "/foo", 1 * "/bar"])),
      ("/foo & /bar | /bar & /baz", .alt([.union([1 * "/foo", 1 * "/bar"]), .union([1 * "/bar", 1 * "/baz"])])),
      ("/foo | /bar & /baz", .alt([.leaf("/foo"), .union([1 * "/bar", 1 * "/baz"])])),
      ("1 * /foo & 2 * /bar & .5 * /baz & 1. * /x", .union([1 * "/foo", 2 * "/bar", 0.5 * "/baz", 1 * "/x"])),
      ("(/a | /b) & /c", .union([Weighted(weight: .one, tree: .alt([.leaf("/a"), .leaf("/b")])), 1 * "/c"])),
      ("2 * (/a | /b) & 0*/c", .union([Weighted(weight: 2, tree: .alt([.leaf("/a"), .leaf("/b")])), 0 * "/c"])),
      ("0.5 * /a", .leaf("/a")),
      ("((/a))", .leaf("/a")),
      ("/biz#c", .leaf("/biz#c")),
      ("/biz # c", .leaf("/biz")),
    ] as [(String, NameTree<Path>)])
  func tree(_ text: String, _ expected: NameTree<Path>) throws {
    #expect(try NameTree<Path>(parsing: text) == expected)
    #expect(try NameTree<Path>(parsing: expected.description) == expected, "as printed: \(expected)")
  }

  @Test(arguments: [
    ("", "simple expected but end of input found at '[]'"),
    ("#", "simple expected but end of input found at '#[]'"),
    ("/foo &", "simple expected but end of input found at '/foo &[]'"),
    ("/foo & 0.1.2 * /bar", "number char expected but '.' found at '/foo & 0.1[.]2 * /bar'"),
    ("/foo & . * /bar", "weight expected but ' ' found at '/foo & .[ ]* /bar'"),
    ("5 * 6 * /a", "simple expected but '6' found at '5 * [6] * /a'"),
    ("-1 * /a", "simple expected but '-' found at '[-]1 * /a'"),
    ("1 /a", "'*' expected but '/' found at '1 [/]a'"),
    ("(/a", "')' expected but end of input found at '(/a[]'"),
    ("/a)", "end of input expected but ')' found at '/a[)]'"),
    ("/a | | /b", "simple expected but '|' found at '/a | [|] /b'"),
    ("/a/*/b", "label char expected but '*' found at '/a/[*]/b'"),
    ("NaN * /a", "simple expected but 'N' found at '[N]aN * /a'"),
  ])
  func badTree(_ text: String, _ message: String) {
    #expect(NamingCheck.fault(inDestination: text)?.message == message)
  }

  @Test func dentry() throws {
    let label = { (text: String) in Prefix.Element.label(Segment(text)!) }
    let any = try Dentry(parsing: "/foo/*/bar => !")
    #expect(any.prefix.elements == [label("foo"), .any, label("bar")])
    #expect(any.destination == .fail)
    #expect(try Dentry(parsing: "/*=>/b").prefix.elements == [.any])
    #expect(try Dentry(parsing: any.description) == any)
  }

  @Test(arguments: [
    ("/&!", "'=' expected but '&' found at '/[&]!'"),
    ("/foo/*bar/baz => /x", "'=' expected but 'b' found at '/foo/*[b]ar/baz => /x'"),
    ("/foo* => /x", "'=' expected but '*' found at '/foo[*] => /x'"),
    ("/foo = > /x", "'>' expected but ' ' found at '/foo =[ ]> /x'"),
    ("/foo =>", "simple expected but end of input found at '/foo =>[]'"),
    ("/a=>/b;;/c=>/d", "'/' expected but ';' found at '/a=>/b;[;]/c=>/d'"),
    (";", "'/' expected but ';' found at '[;]'"),
    (";/a=>/b", "'/' expected but ';' found at '[;]/a=>/b'"),
    ("/a=>/b /c=>/d", "end of input expected but '/' found at '/a=>/b [/]c=>/d'"),
  ])
  func badDtab(_ text: String, _ message: String) {
    #expect(NamingCheck.fault(inDtab: text)?.message == message)
  }

  @Test(
    arguments: [
      ("", []),
      (" # nothing\n ", []),
      ("  /=>!  ", ["/=>!"]),
      ("/=>!;", ["/=>!"]),
      ("/=>!; # end", ["/=>!"]),
      ("/foo=>/biz#c", ["/foo=>/biz#c"]),
      ("/foo\n=>\n/bar;\n/a => 2*/b & /c", ["/foo=>/bar", "/a=>2*/b & /c"]),
      (
        "# a comment\n/#foo => /biz  # another\n| ( /bliz & # yet\n/bluth ) # duh\n; #final\n#/ignore=>/me;\n",
        ["/#foo=>/biz | /bliz & /bluth"]
      ),
    ] as [(String, [String])])
  func dtab(_ text: String, _ dentries: [String]) throws {
    let dtab = try Dtab(parsing: text)
    #expect(dtab.dentries.map(\.description) == dentries)
    #expect(try Dtab(parsing: dtab.description) == dtab)
  }

  @Test func everyTreeReadsBackAsPrinted() throws {
    var random = SeededRandom(seed: 17)
    for _ in 0..<2000 {
      let tree = RandomNames.tree(&random, depth: 4)
      #expect(try NameTree<Path>(parsing: tree.description) == tree)
    }
  }

  /// No cut of a text, and no single changed byte, may do anything but parse or throw.
  @Test func brokenTextsNeverTrap() throws {
    let text = "/#foo/*/\\x2a => 0.5 * (/biz | !) & .1*/ä# | $ ; /a=>~;"
    let bytes = Array(text.utf8)
    var random = SeededRandom(seed: 23)
    for cut in 0...bytes.count { _ = NamingCheck.fault(inDtab: String(decoding: bytes[..<cut], as: UTF8.self)) }
    for _ in 0..<5000 {
      var changed = bytes
      changed[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
      let again = String(decoding: changed, as: UTF8.self)
      if let error = NamingCheck.fault(inDtab: again) { #expect(error.offset <= again.utf8.count) }
    }
  }
}
