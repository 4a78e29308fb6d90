import SystemIO

/// The lines of an endpoint file, as Linkerd's `io.l5d.fs` has them: `host port [* weight]`. Blank lines and what follows
/// a `#` are left out.
struct EndpointFile: Equatable {
  /// A line that makes no sense; the file as a whole is not believed then, for half of it may be missing, too.
  struct Fault: Error, Equatable, CustomStringConvertible {
    let line: Int
    let problem: String
    var description: String { "line \(line): \(problem)" }
  }

  /// In the order of the file.
  private(set) var targets: [Target] = []

  init(parsing bytes: [UInt8]) throws(Fault) {
    var number = 0
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let text = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
      let words = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      if words.isEmpty { continue }
      targets.append(try Self.target(words, number))
    }
  }

  private static func target(_ words: [Substring], _ line: Int) throws(Fault) -> Target {
    guard words.count == 2 || words.count == 4 && words[2] == "*" else {
      throw Fault(line: line, problem: "expected host port [* weight], such as 10.0.0.1 8080 * 2")
    }
    guard let port = UInt16(words[1]), port > 0 else {
      throw Fault(line: line, problem: "expected a port from 1 to 65535, found \"\(words[1].prefix(20))\"")
    }
    let weight = words.count == 4 ? Double(words[3]) : 1
    guard let weight, weight.isFinite, weight >= 0 else {
      throw Fault(line: line, problem: "expected a weight from 0, found \"\(words[3].prefix(20))\"")
    }
    guard let target = Target(host: String(words[0]), port: port, weight: weight) else {
      throw Fault(line: line, problem: "expected a host name or an address, found \"\(words[0].prefix(80))\"")
    }
    return target
  }
}
