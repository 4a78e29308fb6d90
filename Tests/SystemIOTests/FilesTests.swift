import Glibc
import SystemIO
import Testing

/// A directory of its own, removed with its files at the end.
final class Scratch {
  let path: String

  init() throws {
    let name = try randomBytes(8).map { String($0, radix: 16) }.joined()
    path = (environment("TMPDIR") ?? "/tmp") + "/heddle-test-" + name
    try makeDirectories(path)
  }

  var names: [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { raw in
        unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  deinit {
    for name in names { unsafe remove(path + "/" + name) }
    unsafe rmdir(path)
  }
}

@Suite struct FilesTests {
  @Test func writesWholeFilesOverOldOnes() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/state"
    for size in [10, 0, 200_000] {
      let content = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
      try writeAtomically(path, content, mode: 0o600)
      #expect(try readFile(path, limit: 200_000) == content)
    }
    #expect(scratch.names == ["state"])
    var status = stat()
    unsafe stat(path, &status)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func refusesAFileAboveTheLimit() throws {
    let scratch = try Scratch()
    try writeAtomically(scratch.path + "/big", [UInt8](repeating: 1, count: 1001))
    #expect(throws: SystemError(code: EFBIG, call: "read")) { try readFile(scratch.path + "/big", limit: 1000) }
    #expect(throws: SystemError(code: EFBIG, call: "read")) { try readFile("/dev/zero", limit: 100_000) }
    #expect(throws: SystemError(code: ENOENT, call: "open")) { try readFile(scratch.path + "/none", limit: 1000) }
    #expect(throws: SystemError(code: EISDIR, call: "read")) { try readFile(scratch.path, limit: 1000) }
    #expect(throws: SystemError(code: EINVAL, call: "open")) { try readFile("/etc/hosts\0x", limit: 1000) }
  }

  @Test func filesInPieces() throws {
    let scratch = try Scratch()
    let content = (0..<150_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try writeAtomically(scratch.path + "/big") { write throws(SystemError) in
      try write(Array(content[..<70_000]))
      try write([])
      try write(Array(content[70_000...]))
    }
    let file = try FilePieces(scratch.path + "/big")
    var pieces: [[UInt8]] = []
    while let piece = try Optional(file.next()), !piece.isEmpty { pieces.append(piece) }
    #expect(Array(pieces.joined()) == content)
    #expect(pieces.count > 1 && pieces.allSatisfy { $0.count <= FilePieces.piece })
    #expect(try file.next().isEmpty)
  }

  @Test func aFailureBetweenPiecesKeepsTheOldFile() throws {
    let scratch = try Scratch()
    try writeAtomically(scratch.path + "/f", [1])
    #expect(throws: SystemError(code: EIO, call: "test")) {
      try writeAtomically(scratch.path + "/f") { write throws(SystemError) in
        try write([2])
        throw SystemError(code: EIO, call: "test")
      }
    }
    #expect(try readFile(scratch.path + "/f", limit: 9) == [1])
    #expect(scratch.names == ["f"])
  }

  @Test func aFileTakesTheNameOfAnother() throws {
    let scratch = try Scratch()
    try writeAtomically(scratch.path + "/a", [1])
    try writeAtomically(scratch.path + "/b", [2])
    try moveFile(scratch.path + "/a", to: scratch.path + "/b")
    #expect(scratch.names == ["b"])
    #expect(try readFile(scratch.path + "/b", limit: 9) == [1])
    #expect(throws: SystemError(code: ENOENT, call: "rename")) {
      try moveFile(scratch.path + "/a", to: scratch.path + "/b")
    }
  }

  @Test func aFailedWriteKeepsTheOldFileAndLeavesNoOther() throws {
    let scratch = try Scratch()
    #expect(throws: SystemError(code: ENOENT, call: "open")) { try writeAtomically(scratch.path + "/no/file", [1]) }
    try makeDirectories(scratch.path + "/dir")
    // A file cannot replace a directory: the temporary one must go.
    #expect(throws: SystemError(code: EISDIR, call: "rename")) { try writeAtomically(scratch.path + "/dir", [1]) }
    #expect(scratch.names == ["dir"])
  }

  @Test func readsFilesWhoseSizeTheSystemDoesNotTell() throws {
    #expect(try !readFile("/proc/self/status", limit: 100_000).isEmpty)
  }

  @Test func onlyOneHoldsALock() throws {
    let scratch = try Scratch()
    let path = scratch.path + "/lock"
    do {
      let lock = try lockFile(path)
      do throws(SystemError) {
        _ = try lockFile(path)
        Issue.record("two locks")
      } catch {
        #expect(error == SystemError(code: EWOULDBLOCK, call: "flock"))
      }
      _ = lock
    }
    _ = try lockFile(path)
  }

  @Test func makesDirectoriesAndRemovesFiles() throws {
    let scratch = try Scratch()
    try makeDirectories(scratch.path + "/a")
    try makeDirectories(scratch.path + "/a")
    try writeAtomically(scratch.path + "/f", [])
    try removeFile(scratch.path + "/f")
    try removeFile(scratch.path + "/f")
    #expect(scratch.names == ["a"])
    try writeAtomically(scratch.path + "/f", [])
    #expect(throws: SystemError(code: ENOTDIR, call: "mkdir")) { try makeDirectories(scratch.path + "/f/g") }
  }
}
