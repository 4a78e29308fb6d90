import Foundation
import SystemIO
import Testing

/// The disk under the store fails for real: writes are refused whole, reads and proxies go on, and nothing answered is lost.
@Suite(.serialized) struct StoreFaultTests {  // item 109
  /// What fails, and how it is mended.
  enum Fault: String, CaseIterable, CustomTestStringConvertible {
    /// Files may not grow (RLIMIT_FSIZE): each write beyond is EFBIG, which SQLite calls an I/O error.
    case fileSize
    /// The file system is full: ENOSPC. Needs the right to mount one.
    case noSpace

    var testDescription: String { rawValue }

    static let possible = allCases.filter { $0 == .fileSize || SmallFileSystem.isPossible }
  }

  @Test(arguments: Fault.possible) func writesAreRefusedWholeAndReadsGoOn(_ fault: Fault) throws {
    let store = try FailingStore(fault)
    try store.start(failing: true)
    var answered: [String: String] = [:]
    var refused: CurlAnswer?
    for number in 0..<2000 where refused == nil {
      let prefix = "/svc/s\(number)"
      let answer = try store.post(prefix, comment: String(repeating: "c", count: 900))
      if answer.status == 201 { answered[answer.json["id"] as? String ?? ""] = prefix } else { refused = answer }
    }
    let refusal = try #require(refused, "nothing failed")
    #expect(refusal.status == 503, "\(refusal)")
    #expect(refusal.head.lowercased().contains("retry-after: "), "\(refusal.head)")
    #expect(refusal.head.lowercased().contains("application/problem+json"))
    #expect(!answered.isEmpty)
    // One large change that cannot fit leaves nothing of itself.
    let entries = (0..<3000).map { #"{"prefix": "/svc/x\#($0)", "destination": "/#/registry/x"}"# }.joined(separator: ",")
    let large = try curl("-X", "PUT", store.url("/dtab"), body: #"{"dtab": [\#(entries)]}"#)
    #expect(large.status == 503, "\(large.status) \(large.body.prefix(300))")
    #expect(try curl("http://\(store.rest)/readyz?verbose").body.contains("last write failed"))
    for _ in 0..<3 { #expect(try store.rules() == answered) }
    // A small one may still find room.
    #expect(try store.post("/svc/again", comment: "").status != 500)
    #expect(try curl("http://\(store.rest)/livez").status == 200)

    // Room again: it goes on without a restart.
    try store.mend()
    let stored = try eventually("a write succeeds") { () -> CurlAnswer? in
      let answer = try store.post("/svc/after", comment: "room")
      return answer.status == 201 ? answer : nil
    }
    for (id, prefix) in try store.rules() where answered[id] == nil {
      #expect(prefix == "/svc/after" || prefix == "/svc/again")
      answered[id] = prefix
    }
    #expect(answered[stored.json["id"] as? String ?? ""] == "/svc/after")

    // What was answered is on the disk, and the file is whole: the check at the start says so.
    store.kill()
    try store.start(failing: false)
    #expect(try store.rules() == answered)
    #expect(try curl("http://\(store.rest)/readyz").status == 200)
  }

  /// Needs the right to mount, as `Fault.noSpace` does.
  @Test(.enabled(if: Fault.possible.contains(.noSpace)))
  func aReadOnlyFileSystemIsNamedAtTheStart() throws {
    let store = try FailingStore(.noSpace)
    try store.start(failing: false)
    #expect(try store.post("/svc/a", comment: "").status == 201)
    try store.stop()
    try store.forbidWriting()
    let program = try RunningProgram("heddle-controller", ["serve", "--config", store.configuration])
    #expect(try program.exitCode() != 0)
    #expect(program.text.contains(store.path) && program.text.lowercased().contains("read-only"), "\(program.text)")
    try store.mend()
    try store.start(failing: false)
    #expect(try Array(store.rules().values) == ["/svc/a"])
  }

  @Test func aDamagedPageIsFoundAtTheStart() throws {
    let store = try FailingStore(.fileSize)
    try store.start(failing: false)
    for number in 0..<200 { #expect(try store.post("/svc/s\(number)", comment: String(repeating: "c", count: 300)).status == 201) }
    try store.stop()
    let file = URL(fileURLWithPath: store.path)
    var bytes = try Data(contentsOf: file)
    for at in stride(from: 8192, to: min(bytes.count, 60_000), by: 7) { bytes[at] ^= 0xA5 }
    try bytes.write(to: file)
    let program = try RunningProgram("heddle-controller", ["serve", "--config", store.configuration])
    #expect(try program.exitCode() != 0)
    #expect(program.text.contains("is damaged") && program.text.contains("heddle-controller restore"), "\(program.text)")
  }
}

/// A controller whose store's disk fails when told.
private final class FailingStore {
  private let fault: StoreFaultTests.Fault
  private let folder = try! ScratchFolder()
  private let disk: SmallFileSystem?
  private var program: RunningProgram?
  private(set) var rest = ""

  init(_ fault: StoreFaultTests.Fault) throws {
    self.fault = fault
    disk = fault == .noSpace ? try SmallFileSystem(megabytes: 1) : nil
  }

  var path: String { (disk?.path ?? folder.path) + "/heddle.db" }
  var configuration: String { folder.path + "/controller.yaml" }

  func start(failing: Bool) throws {
    try "rest: {listen: 127.0.0.1:0}\nmesh: {listen: 127.0.0.1:0}\nstore: {path: \(path)}\n".write(
      toFile: configuration, atomically: true, encoding: .utf8)
    let binary = RunningProgram.programs.appendingPathComponent("heddle-controller").path
    if failing, fault == .fileSize {
      // The signal that comes with EFBIG is ignored, as a service manager may have it too.
      let script = "trap '' XFSZ; exec prlimit --fsize=500000:unlimited \"$0\" serve --config \"$1\""
      program = try RunningProgram("sh", ["-c", script, binary, configuration])
    } else {
      program = try RunningProgram("heddle-controller", ["serve", "--config", configuration])
    }
    rest = try program?.address("rest") ?? ""
  }

  func mend() throws {
    switch fault {
    case .fileSize:
      let answer = try run(
        "/usr/bin/prlimit", ["--fsize=unlimited", "--pid", "\(program?.identifier ?? 0)"], folder: folder)
      #expect(answer.code == 0, "\(answer)")
    case .noSpace: try disk?.remount("rw,size=64m")
    }
  }

  func forbidWriting() throws { try disk?.remount("ro") }

  func kill() { program?.kill() }

  func stop() throws {
    program?.terminate()
    _ = try program?.exitCode()
  }

  func url(_ path: String) -> String { "http://\(rest)/v1/namespaces/default\(path)" }

  func post(_ prefix: String, comment: String) throws -> CurlAnswer {
    try curl(url("/rules"), body: #"{"prefix": "\#(prefix)", "destination": "/#/registry/a", "comment": "\#(comment)"}"#)
  }

  /// Prefixes by id, all pages of them.
  func rules() throws -> [String: String] {
    var found: [String: String] = [:]
    var token: String?
    repeat {
      let answer = try curl(url("/rules?limit=1000" + (token.map { "&continue=\($0)" } ?? "")))
      #expect(answer.status == 200, "reads go on: \(answer)")
      for rule in answer.json["rules"] as? [[String: Any]] ?? [] {
        #expect(rule["destination"] as? String == "/#/registry/a", "a rule is whole or not there")
        found[rule["id"] as? String ?? ""] = rule["prefix"] as? String
      }
      token = answer.json["continue"] as? String
    } while token != nil
    return found
  }
}

/// A file system of its own size in memory, mounted for as long as the object lives.
private final class SmallFileSystem {
  private let folder = try! ScratchFolder()
  var path: String { folder.path }

  /// Containers often may not mount, root or not.
  static let isPossible: Bool = {
    guard let tried = try? SmallFileSystem(megabytes: 1) else { return false }
    return tried.isMounted
  }()

  private(set) var isMounted = false

  init(megabytes: Int) throws {
    let scratch = try ScratchFolder()
    isMounted =
      try run(
        "/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "heddle-test", folder.path], folder: scratch
      ).code == 0
  }

  func remount(_ options: String) throws {
    let answer = try run("/bin/mount", ["-o", "remount,\(options)", folder.path], folder: ScratchFolder())
    #expect(answer.code == 0, "\(answer)")
  }

  deinit {
    guard isMounted, let scratch = try? ScratchFolder() else { return }
    _ = try? run("/bin/umount", ["--lazy", folder.path], folder: scratch)
  }
}
