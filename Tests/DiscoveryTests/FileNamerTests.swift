import Foundation
import MeshProtocol
import SystemIO
import TestSupport
import Testing

@testable import Discovery

@Suite struct EndpointFileTests {
  @Test func linesAreHostsPortsAndWeights() throws {
    let text = "# two\n10.0.0.1 80\n\n  ::1\t8080 * 2.5 # heavy\r\n[::1] 81 * 0\nweb.example.org 1\n"
    let file = try EndpointFile(parsing: bytes(text))
    #expect(file.targets.map(\.port) == [80, 8080, 81, 1])
    #expect(file.targets.map(\.weight) == [1, 2.5, 0, 1])
    #expect(file.targets[1].host == .address("::1") && file.targets[2].host == .address("::1"))
    #expect(file.targets[3].host == .name(try #require(HostName("web.example.org"))))
  }

  @Test(arguments: [
    ("10.0.0.1", "line 1: expected host port [* weight], such as 10.0.0.1 8080 * 2"),
    ("\n10.0.0.1 80 * 1 2", "line 2: expected host port [* weight], such as 10.0.0.1 8080 * 2"),
    ("10.0.0.1 80 2 1", "line 1: expected host port [* weight], such as 10.0.0.1 8080 * 2"),
    ("10.0.0.1 0", "line 1: expected a port from 1 to 65535, found \"0\""),
    ("10.0.0.1 65536", "line 1: expected a port from 1 to 65535, found \"65536\""),
    ("10.0.0.1 80 * nan", "line 1: expected a weight from 0, found \"nan\""),
    ("10.0.0.1 80 * -1", "line 1: expected a weight from 0, found \"-1\""),
    ("10.0.0.300 80", "line 1: expected a host name or an address, found \"10.0.0.300\""),
    ("a..b 80", "line 1: expected a host name or an address, found \"a..b\""),
  ])
  func aBadLineIsNamed(_ text: String, _ message: String) {
    #expect { _ = try EndpointFile(parsing: bytes(text)) } throws: { "\($0)" == message }
  }

  @Test func randomBytesAreRefusedOrRead() {
    var mutator = Mutator(
      corpus: ["10.0.0.1 80\n", "::1 8080 * 2.5 # x\n", "a.b 1 * 0\r\n"], alphabet: " \t\r\n#*.:0123456789-abc", seed: 11)
    for _ in 0..<fuzzRounds {
      let input = mutator.next()
      for target in (try? EndpointFile(parsing: input))?.targets ?? [] {
        #expect(target.port > 0 && target.weight.isFinite && target.weight >= 0, "\(input)")
      }
    }
  }
}

/// A directory that goes with the test.
final class Folder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "heddle-\(UUID().uuidString)"
    try makeDirectories(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws { try writeAtomically("\(path)/\(name)", Array(text.utf8)) }
}

@Suite struct FileNamerTests {
  private let folder: Folder
  private let told = Told()
  private let web = path("/#/io.l5d.fs/web")

  init() throws { folder = try Folder() }

  private func start(_ directory: String? = nil) throws -> DiscoveryService {
    try DiscoveryService.start(
      try configuration("namers: [{kind: io.l5d.fs, rootDir: \(directory ?? folder.path), grace: 50ms}]"), log: silent,
      tell: told.add)
  }

  private func sees(_ addresses: String...) async -> Bool {
    await told.wait(web) { $0.state == .bound && $0.endpoints.map(\.address) == addresses } != nil
  }

  @Test func aFileIsFollowedThroughItsLife() async throws {
    let service = try start()
    defer { service.stop() }
    service.want(web)
    #expect(await told.wait(web) { $0.state == .negative } != nil)
    try folder.write("web", "10.0.0.1 80")
    #expect(await sees("10.0.0.1:80"))
    try folder.write("web", "10.0.0.2 80\n10.0.0.1 80 * 3")
    #expect(await sees("10.0.0.1:80", "10.0.0.2:80"))
    #expect(told.all.last?.endpoints[0].weight == 3)
    try removeFile("\(folder.path)/web")
    #expect(await told.wait(web) { $0.state == .negative } != nil)
    try folder.write("web", "10.0.0.3 80")
    #expect(await sees("10.0.0.3:80"))
  }

  @Test func aBadFileKeepsTheLastGoodOneAndSaysItsLine() async throws {
    try folder.write("web", "10.0.0.1 80")
    let service = try start()
    defer { service.stop() }
    service.want(web)
    #expect(await sees("10.0.0.1:80"))
    try folder.write("web", "10.0.0.1 80\ngarbage")
    #expect(await told.wait(web) { $0.reason.contains("line 2") } != nil)
    #expect(told.all.last?.endpoints.count == 1)
    try folder.write("web", String(repeating: "10.0.0.1 80\n", count: 100_000))
    let tooLarge = await told.wait(web) { _ in true }
    #expect(tooLarge?.endpoints.count == 1)
    try folder.write("web", "10.0.0.2 80")
    #expect(await sees("10.0.0.2:80"))
    try makeDirectories("\(folder.path)/folder")
    #expect(await service.look(path("/#/io.l5d.fs/folder"), within: patience).reason.contains("no regular file"))
  }

  @Test func aDirectoryThatComesLaterIsFound() async throws {
    let service = try start(folder.path + "/later")
    defer { service.stop() }
    service.want(web)
    #expect(await told.wait(web) { $0.state == .failed } != nil)
    try makeDirectories(folder.path + "/later")
    try folder.write("later/web", "10.0.0.1 80")
    #expect(await sees("10.0.0.1:80"))
  }

  /// As Kubernetes mounts a ConfigMap: files are links into a directory that is itself a link, and that one is swapped.
  @Test func swappedLinksAreFollowed() async throws {
    let files = FileManager.default
    for (version, line) in [("v1", "10.0.0.1 80"), ("v2", "10.0.0.2 80")] {
      try makeDirectories("\(folder.path)/..\(version)")
      try folder.write("..\(version)/web", line)
    }
    try files.createSymbolicLink(atPath: "\(folder.path)/..data", withDestinationPath: "..v1")
    try files.createSymbolicLink(atPath: "\(folder.path)/web", withDestinationPath: "..data/web")
    let service = try start()
    defer { service.stop() }
    service.want(web)
    #expect(await sees("10.0.0.1:80"))
    try files.createSymbolicLink(atPath: "\(folder.path)/..new", withDestinationPath: "..v2")
    #expect(unsafe rename("\(folder.path)/..new", "\(folder.path)/..data") == 0)
    #expect(await sees("10.0.0.2:80"))
  }

  @Test(arguments: [#"/#/io.l5d.fs/\x2e\x2e"#, #"/#/io.l5d.fs/a\x2fb"#, #"/#/io.l5d.fs/\xff"#, "/#/io.l5d.fs/.hidden"])
  func hostileNamesLeadNowhere(_ name: String) async throws {
    let service = try start()
    defer { service.stop() }
    let state = await service.look(path(name), within: patience)
    #expect(state.state == .negative && state.reason.contains("no name of a file"))
  }
}
