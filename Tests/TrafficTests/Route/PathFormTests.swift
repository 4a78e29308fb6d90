import TestSupport
import Testing
import Traffic

@Suite struct PathFormTests {
  @Test(
    arguments: [
      ("/", "/"), ("/admin", "/admin"), ("/%61dmin", "/admin"), ("//admin", "/admin"), ("///a//b/", "/a/b/"),
      ("/a%20b", "/a b"), ("/%C3%A9", "/é"), ("/A", "/A"), ("/a;x=1/b", "/a;x=1/b"), ("/a..", "/a.."), ("/..a", "/..a"),
      ("/...", "/..."), ("/.well-known/x", "/.well-known/x"), ("/a%25b", "/a%b"), ("/a+b", "/a+b"), ("", ""),
      // Item 73: what programs read differently has no form.
      ("/%2e%2e/admin", nil), ("/a/..;/admin", nil), ("/admin%2F..", nil), ("/admin%2fx", nil), ("/admin%5c", nil),
      ("/\\admin", nil), ("/admin#x", nil), ("/admin%00", nil), ("/..", nil), ("/.", nil), ("/a/./b", nil), ("/a/..", nil),
      ("/%2e", nil), ("/.%2E/x", nil), ("/.;/x", nil), ("/a/%2e;v=1", nil), ("/..;", nil),
      // Item 74: no escape is literal.
      ("/%", nil), ("/%4", nil), ("/%zz", nil), ("/a%2", nil), ("/%%41", nil),
    ] as [(String, String?)])
  func form(_ raw: String, _ expected: String?) {
    var path = Array("left over".utf8)
    let bytes = Array(raw.utf8)
    let isFine = PathForm.normalize(bytes.span, into: &path)
    #expect((isFine ? String(decoding: path, as: UTF8.self) : nil) == expected, "\(raw)")
  }

  @Test(
    arguments: [
      ("/a/b?x", 0, "/a/b?x"), ("/a/b?x", 1, "/b?x"), ("/a/b?x", 2, "?x"), ("/a/b?x", 3, "?x"), ("/a//b", 1, "/b"),
      ("//a/b/", 1, "/b/"), ("/a", 1, ""), ("", 1, ""), ("/a?b/c", 1, "?b/c"), ("///", 0, "/"),
    ] as [(String, Int, String)])
  func rest(_ target: String, _ segments: Int, _ expected: String) {
    let bytes = Array(target.utf8)
    let offset = PathForm.offset(after: segments, in: bytes.span)
    #expect(String(decoding: bytes[offset...], as: UTF8.self) == expected)
  }

  /// A form has no form but itself: what was decoded once must not change meaning when it is looked at again.
  @Test func formsHoldNothingAmbiguous() {
    var random = SeededRandom(seed: 7)
    let pieces = ["/", "%2e", ".", "..", "%2F", "a", "%61", ";", "\\", "%5C", "%00", "#", "%", "%41", "é"]
    for _ in 0..<5000 {
      let raw = Array(("/" + (0..<random.below(8)).map { _ in pieces[random.below(pieces.count)] }.joined()).utf8)
      var path: [UInt8] = []
      guard PathForm.normalize(raw.span, into: &path) else { continue }
      let segments = path.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
      #expect(!segments.contains { $0 == "." || $0 == ".." || $0.hasPrefix("..;") || $0.hasPrefix(".;") })
      #expect(!path.contains(UInt8(ascii: "\\")) && !path.contains(0))
    }
  }
}
