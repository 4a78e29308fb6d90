import TestSupport
import Testing
import Traffic

func matches(_ pattern: String, _ text: String) throws -> Bool {
  let bytes = Array(text.utf8)
  return try Pattern(pattern).matches(bytes.span)
}

@Suite struct PatternTests {
  @Test(
    arguments: [
      ("", "", true), ("", "a", false), ("a", "a", true), ("a", "aa", false), ("a", "", false), ("abc", "abc", true),
      ("a|b", "b", true), ("a|b", "ab", false), ("a|", "", true), ("(a|b)c", "bc", true), ("(?:ab)+", "abab", true),
      ("(ab)+", "aba", false), ("a*", "", true), ("a*", "aaaa", true), ("a+", "", false), ("ab?c", "ac", true),
      ("a{2}", "aa", true), ("a{2}", "aaa", false), ("a{2,}", "aaaaa", true), ("a{2,}", "a", false),
      ("a{2,3}", "aaa", true), ("a{2,3}", "aaaa", false), ("a{0}", "", true), ("a{0}", "a", false), ("(ab){2}", "abab", true),
      ("a{", "a{", true), ("a{,2}", "a{,2}", true), ("x{1x}", "x{1x}", true), ("a*?", "aa", true), ("a{1,2}?", "aa", true),
      (".", "\n", false), (".", "x", true), (".*", "/any/thing", true), ("[abc]", "b", true), ("[^abc]", "b", false),
      ("[^abc]", "d", true), ("[a-c-]", "-", true), ("[]a]", "]", true), ("[a\\]]", "]", true), ("[\\d-]", "-", true),
      ("[\\d_]+", "1_2", true), ("[+-.]", ",", true), ("\\d+", "0123", true), ("\\d", "x", false), ("\\D", "x", true),
      ("\\w+", "a_9", true), ("\\W", "-", true), ("\\s\\S", " x", true), ("\\.", ".", true), ("\\.", "x", false),
      ("\\/a\\-b", "/a-b", true), ("\\x41", "A", true), ("[\\x41-\\x43]", "B", true), ("\\t\\n\\r", "\t\n\r", true),
      ("^abc$", "abc", true), ("^$", "", true), ("a^", "a", false), ("$a", "a", false), ("(^a|b)c", "ac", true),
      ("(a|b$)", "b", true), ("a$|ab", "ab", true), ("(a$)b", "ab", false), ("^^a$$", "a", true), ("(^)*a", "a", true),
      ("\\Aab\\z", "ab", true), ("(?i)AbC", "aBc", true), ("(?i)[a-c]x", "BX", true), ("(?i)[^a]", "A", false),
      ("é+", "éé", true), ("é", "e", false), ("/api/v[0-9]+/.*", "/api/v12/users", true),
      ("/users/\\d{1,5}(/.*)?", "/users/123456", false), ("/users/\\d{1,5}(/.*)?", "/users/12345/x", true),
      ("(a*)*", "aaa", true), ("(a*)+b", "aab", true), ("((a|b)*c){2}", "abcbc", true), ("()", "", true), ("(|a)+", "aa", true),
    ] as [(String, String, Bool)])
  func match(_ pattern: String, _ text: String, _ expected: Bool) throws {
    #expect(try matches(pattern, text) == expected, "\(pattern) on \(text)")
  }

  @Test(
    arguments: [
      ("(", 0, "without its )"), (")", 0, "without its ("), ("a)", 1, "without its ("), ("[a", 0, "without its ]"),
      ("[", 0, "without its ]"), ("*", 0, "nothing to repeat"), ("a|+", 2, "nothing to repeat"), ("{2}", 0, "nothing to repeat"),
      ("a**", 2, "repeated already"), ("a+{2}", 2, "repeated already"), ("a{3,2}", 1, "counts down"),
      ("a{1001}", 1, "more than 1000"), ("a{99999999999999999999}", 1, "more than 1000"), ("\\", 0, "ends in a"),
      ("(a)\\1", 3, "back reference"), ("a\\b", 1, "word borders"), ("\\pL", 0, "not known"), ("\\xg0", 0, "hexadecimal"),
      ("(?=a)", 0, "only (?:"), ("(?<n>a)", 0, "only (?:"), ("a(?i)", 1, "only (?:"), ("[z-a]", 1, "no range"),
      ("[\\d-z]", 1, "no range"), ("[[:alpha:]]", 1, "named classes"), ("[é]", 1, "ASCII"),
    ] as [(String, Int, String)])
  func refused(_ pattern: String, _ offset: Int, _ message: String) {
    let error = #expect(throws: PatternError.self) { _ = try Pattern(pattern) }
    #expect(error?.offset == offset, "\(pattern): \(error.debugDescription)")
    #expect(error?.message.contains(message) == true, "\(pattern): \(error.debugDescription)")
  }

  /// Item 76: what makes a backtracking engine run for ever is a small table here.
  @Test(arguments: ["(a+)+$", "(a|aa)+", "(a|a?)+", "(.*a){3}", "(a*)*b", "((a+)+)+"])
  func catastrophicPatternsAreSmall(_ pattern: String) throws {
    let compiled = try Pattern(pattern)
    #expect(compiled.cells < 100)
    let bytes = Array(repeating: UInt8(ascii: "a"), count: 65_536) + [UInt8(ascii: "!")]
    #expect(compiled.matches(bytes.span) == false)
  }

  @Test(arguments: [
    ".*a.{20}", "(.{1000}){1000}", "((a{100}){100}){100}", "(a|b|ab|ba){500}.*a.{12}", "(((.*a){9})*b){200}",
    "[ab]*a[ab]{14}",
  ])
  func tooLargeIsRefused(_ pattern: String) {
    #expect(throws: PatternError.self) { _ = try Pattern(pattern) }
  }

  @Test func limitsOfTheText() throws {
    #expect(try matches(String(repeating: "a", count: PatternLimits.textBytes), "b") == false)
    #expect(throws: PatternError.self) { _ = try Pattern(String(repeating: "a", count: PatternLimits.textBytes + 1)) }
    let depth = PatternLimits.nesting
    let nested = { (n: Int) in String(repeating: "(", count: n) + "a" + String(repeating: ")", count: n) }
    #expect(try matches(nested(depth), "a"))
    #expect(throws: PatternError.self) { _ = try Pattern(nested(depth + 1)) }
  }

  /// Patterns made at random, compared with Swift's own engine on texts made at random.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func agreesWithSwiftsRegex(_ seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    var positives = 0
    for _ in 0..<400 {
      let pattern = RandomPattern.make(&random, depth: 3)
      guard let ours = try? Pattern(pattern) else { continue }
      let theirs = try Regex(pattern).matchingSemantics(.unicodeScalar)
      for _ in 0..<12 {
        let text = String((0..<random.below(7)).map { _ in "abc".randomElement(using: &random)! })
        let bytes = Array(text.utf8)
        let expected = try theirs.wholeMatch(in: text) != nil
        if expected { positives += 1 }
        #expect(ours.matches(bytes.span) == expected, "seed \(seed): \(pattern) on \"\(text)\"")
      }
    }
    #expect(positives > 200)
  }

  /// Any bytes are a pattern or an error, never a trap.
  @Test(arguments: [11, 12] as [UInt64])
  func anyTextIsAPatternOrAnError(_ seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let alphabet = Array("ab()[]{}|*+?.^$\\-,:1290xdwsi<é=!&&")
    let texts = ["", "ab", "a(b", "\n", "é"].map { Array($0.utf8) }
    for _ in 0..<3000 {
      let pattern = String((0..<random.below(12)).map { _ in alphabet[random.below(alphabet.count)] })
      guard let compiled = try? Pattern(pattern) else { continue }
      for text in texts { _ = compiled.matches(text.span) }
    }
  }
}

enum RandomPattern {
  static func make(_ random: inout SeededRandom, depth: Int) -> String {
    switch random.below(depth == 0 ? 3 : 9) {
    case 0, 1: return ["a", "b", "c", "."][random.below(4)]
    case 2: return ["[ab]", "[^a]", "[a-c]", "[^bc]"][random.below(4)]
    case 3, 4: return make(&random, depth: depth - 1) + make(&random, depth: depth - 1)
    case 5: return "(" + make(&random, depth: depth - 1) + "|" + make(&random, depth: depth - 1) + ")"
    case 6: return "(?:" + make(&random, depth: depth - 1) + ")" + ["*", "+", "?"][random.below(3)]
    case 7: return "(" + make(&random, depth: depth - 1) + "){" + String(random.below(3)) + "," + String(2 + random.below(2)) + "}"
    default: return "(" + make(&random, depth: depth - 1) + ")"
    }
  }
}
