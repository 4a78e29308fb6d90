import Foundation
import MeshProtocol
import SystemIO
import Testing

@testable import DataPlane

@Suite("Kept state")
struct KeptStateTests {
  static func state(_ revision: UInt64, namespace: String = "default") -> KeptState {
    var set = ResourceSet()
    set.rule("r1", "/svc", "/#/registry")
    return KeptState(
      namespace: namespace, version: set.version(revision), resources: set.resources.map(\.bytes),
      names: [KeptState.Name(endpoints: [1, 2, 3], confirmed: 77), KeptState.Name(endpoints: [], confirmed: -1)],
      savedAt: 5)
  }

  @Test("What is written reads back")
  func roundTrip() throws {
    let state = Self.state(3)
    #expect(try KeptState(decoding: state.encoded()) == state)
  }

  @Test("Item 101: every truncation and every flipped bit is noticed")
  func damage() {
    let bytes = Self.state(3).encoded()
    for end in 0..<bytes.count {
      #expect(throws: KeptStateFault.self) { try KeptState(decoding: Array(bytes[..<end])) }
    }
    for index in bytes.indices {
      var flipped = bytes
      flipped[index] ^= 1 << UInt8(index % 8)
      #expect(throws: KeptStateFault.self) { try KeptState(decoding: flipped) }
    }
    #expect(throws: KeptStateFault.self) { try KeptState(decoding: bytes + [0]) }
  }

  @Test("A file reads alike however it comes in pieces, and is whole only whole", arguments: [1, 2, 3, 31, 32, 33, 64, 1000])
  func pieces(size: Int) throws {
    let state = Self.state(3)
    let bytes = state.encoded()
    #expect(try KeptState(reading: cut(bytes, size)) == state)
    #expect(try KeptState.isWhole(cut(bytes, size)))
    var flipped = bytes
    flipped[bytes.count / 2] ^= 1
    for damaged in [flipped, Array(bytes.dropLast()), bytes + [0], Array("other".utf8) + bytes, []] {
      #expect(throws: KeptStateFault.self) { try KeptState(reading: cut(damaged, size)) }
      #expect(try !KeptState.isWhole(cut(damaged, size)))
    }
  }

  private func cut(_ bytes: [UInt8], _ size: Int) -> () -> [UInt8] {
    var rest = bytes[...]
    return {
      defer { rest = rest.dropFirst(size) }
      return Array(rest.prefix(size))
    }
  }

  @Test("A large state goes out in pieces that read back")
  func large() throws {
    var state = Self.state(3)
    state.resources = (0..<300).map { [UInt8](repeating: UInt8($0 % 256), count: 1000) }
    var pieces: [[UInt8]] = []
    state.encode { pieces.append($0) }
    #expect(pieces.count > 3 && pieces.allSatisfy { $0.count < 70_000 })
    #expect(try KeptState(decoding: Array(pieces.joined())) == state)
  }

  @Test("Hostile lengths behind a right checksum do not trap")
  func hostileLengths() {
    let bytes = Self.state(3).encoded()
    let body = Array(bytes.dropLast(32))
    for index in 12..<body.count {
      var hostile = body
      hostile[index] = 0xff
      _ = try? KeptState(decoding: hostile + SHA256.digest(hostile.span))
    }
    #expect(throws: KeptStateFault.newerFormat(2)) {
      var newer = body
      newer[8] = 2
      return try KeptState(decoding: newer + SHA256.digest(newer.span))
    }
  }
}

@Suite("State store")
struct StateStoreTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "heddle-state-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder + "/deep/proxy.state")
  }

  @Test("The last two configurations are kept; a damaged file gives the previous one, never part of it")
  func generations() throws {
    try inFolder { path in
      var store = try StateStore(path: path)
      #expect(store.load(namespace: "default").state == nil)
      try store.save(KeptStateTests.state(1))
      try store.save(KeptStateTests.state(2))
      #expect(store.load(namespace: "default").state?.version.revision == 2)
      let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
      try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: path))
      let loaded = store.load(namespace: "default")
      #expect(loaded.state?.version.revision == 1)
      #expect(loaded.faults.count == 1)
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path + ".previous"))
      let nothing = store.load(namespace: "default")
      #expect(nothing.state == nil)
      #expect(nothing.faults.count == 2)
    }
  }

  @Test("A damaged file never becomes the previous generation")
  func damagedIsNotKept() throws {
    try inFolder { path in
      var store = try StateStore(path: path)
      try store.save(KeptStateTests.state(1))
      try store.save(KeptStateTests.state(2))
      try Data([9]).write(to: URL(fileURLWithPath: path))
      try store.save(KeptStateTests.state(3))
      try Data([9]).write(to: URL(fileURLWithPath: path))
      #expect(store.load(namespace: "default").state?.version.revision == 1)
      try FileManager.default.removeItem(atPath: path)
      try store.save(KeptStateTests.state(4))
      #expect(store.load(namespace: "default").state?.version.revision == 4)
    }
  }

  @Test("Endpoints that change within one configuration do not push the older one out")
  func sameConfiguration() throws {
    try inFolder { path in
      var store = try StateStore(path: path)
      try store.save(KeptStateTests.state(1))
      try store.save(KeptStateTests.state(2))
      var later = KeptStateTests.state(2)
      later.names = []
      try store.save(later)
      #expect(store.load(namespace: "default").state?.names.isEmpty == true)
      try FileManager.default.removeItem(atPath: path)
      #expect(store.load(namespace: "default").state?.version.revision == 1)
    }
  }

  @Test("Another namespace's state is not used")
  func namespace() throws {
    try inFolder { path in
      var store = try StateStore(path: path)
      try store.save(KeptStateTests.state(1, namespace: "staging"))
      let loaded = store.load(namespace: "default")
      #expect(loaded.state == nil)
      #expect(loaded.faults.first?.contains("namespace staging") == true)
    }
  }

  @Test("A second proxy on the file is refused")
  func locked() throws {
    try inFolder { path in
      let first = try StateStore(path: path)
      do {
        _ = try StateStore(path: path)
        Issue.record("two stores on one file")
      } catch {
        #expect("\(error)" == "state.path: \(path) is used by another proxy; give each its own")
      }
      _ = consume first
      _ = try StateStore(path: path)
    }
  }
}

@Suite("What is due for the state file")
struct UnsavedStateTests {
  @Test("A configuration at once, the first endpoints at once, later ones at most every 5 s, nothing while writing")
  func due() {
    var unsaved = UnsavedState()
    var now = Instant(nanoseconds: 1)
    #expect(!unsaved.isDue(at: now))
    unsaved.configuration = true
    #expect(unsaved.isDue(at: now))
    unsaved.begin(at: now)
    unsaved.endpoints = true
    #expect(!unsaved.isDue(at: now))
    unsaved.isSaving = false
    #expect(unsaved.isDue(at: now))
    unsaved.begin(at: now)
    unsaved.isSaving = false
    unsaved.endpoints = true
    #expect(!unsaved.isDue(at: now))
    unsaved.newNames = true
    #expect(unsaved.isDue(at: now))
    unsaved.newNames = false
    #expect(unsaved.isAny)
    now = now + UnsavedState.endpointPeriod
    #expect(unsaved.isDue(at: now))
  }
}
