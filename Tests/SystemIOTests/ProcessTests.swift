import Glibc
import Synchronization
import Testing

@testable import SystemIO

@Suite struct ProcessTests {
  @Test(arguments: [
    ("100000 100000", 1), ("150000 100000\n", 2), ("50000 100000", 1), ("400000 100000", 4),
    ("1 9223372036854775807", 1),
    ("max 100000", nil), ("-1 100000", nil), ("", nil), ("0 0", nil), ("1 0", nil), ("x y", nil), ("1 2 3", nil),
    ("9223372036854775807 1", Int.max),
  ])
  func readsQuotas(text: String, processors: Int?) {
    #expect(quota(cpuMax: text) == processors)
  }

  @Test func theLeastQuotaOfAllGroupsAboveHolds() {
    let files = [
      "/sys/fs/cgroup/a/b/cpu.max": "400000 100000", "/sys/fs/cgroup/a/cpu.max": "250000 100000",
      "/sys/fs/cgroup/cpu.max": "max 100000",
    ]
    #expect(processorQuota(cgroups: "0::/a/b\n") { files[$0] } == 3)
    #expect(processorQuota(cgroups: "0::/\n") { files[$0] } == nil)
    // In a container: the host's path, and the group itself as the root of the mount.
    #expect(processorQuota(cgroups: "0::/kubepods/x\n") { $0 == "/sys/fs/cgroup/cpu.max" ? "150000 100000" : nil } == 2)
  }

  @Test func readsVersionOneGroups() {
    let group = "/sys/fs/cgroup/cpu/docker/"
    let files = [group + "cpu.cfs_quota_us": "200000\n", group + "cpu.cfs_period_us": "100000\n"]
    #expect(processorQuota(cgroups: "12:memory:/docker\n4:cpu,cpuacct:/docker\n") { files[$0] } == 2)
    #expect(processorQuota(cgroups: "12:memory:/docker\nnonsense\n") { files[$0] } == nil)
  }

  @Test func thereIsAlwaysAProcessor() {
    #expect(processorCount() >= 1 && processorCount() <= Int(sysconf(Int32(_SC_NPROCESSORS_CONF))))
  }

  @Test func measuresItself() async {
    await #expect(processExitsWith: .success) {  // its own process: nobody else takes or gives back memory meanwhile
      let before = processStats()
      guard before.residentBytes > 1 << 20, before.residentBytes < 1 << 40, before.openDescriptors >= 3 else { exit(2) }
      let block = [UInt8](repeating: 1, count: 64 << 20)
      let after = processStats()
      guard after.residentBytes > before.residentBytes + 32 << 20, after.cpuSeconds >= before.cpuSeconds else { exit(3) }
      guard block[block.count - 1] == 1 else { exit(4) }
    }
  }

  @Test func randomIsRandom() throws {
    let a = try randomBytes(1000)
    let b = try randomBytes(1000)
    #expect(a.count == 1000 && a != b && Set(a).count > 150)
    #expect(try randomBytes(0).isEmpty)
    #expect(try randomSeed() != randomSeed())
  }

  @Test func knowsItsSurroundings() {
    unsafe setenv("HEDDLE_TEST_VARIABLE", "välue", 1)
    #expect(environment("HEDDLE_TEST_VARIABLE") == "välue" && environment("HEDDLE_TEST_ABSENT") == nil)
    #expect(!hostName().isEmpty && processID() == getpid())
    #expect(raiseDescriptorLimit() >= 256)
  }

  @Test func endsWithTheGivenCode() async {
    await #expect(processExitsWith: .exitCode(3)) { terminate(3) }
  }

  @Test func writesLinesWhole() async throws {
    let result = try await #require(processExitsWith: .success, observing: [\.standardErrorContent]) {
      writeStandardError("one line")
    }
    #expect(String(decoding: result.standardErrorContent, as: UTF8.self).contains("one line\n"))
  }

  @Test func signalsBecomeSomethingToRead() async {
    await #expect(processExitsWith: .success) {
      let source = try catchSignals([SIGUSR1, SIGTERM])
      guard source.next() == nil else { exit(2) }
      raise(SIGUSR1)
      raise(SIGTERM)
      guard try wait(for: .read, source.descriptor) == .readable else { exit(3) }
      var seen: Set<Int32> = []
      while let signal = source.next() { seen.insert(signal) }
      guard seen == [SIGUSR1, SIGTERM] else { exit(4) }
    }
  }

  @Test func aClosedPipeIsNoDeathWhenIgnored() async {
    await #expect(processExitsWith: .success) {
      ignoreBrokenPipes()
      var ends: [Int32] = [0, 0]
      unsafe pipe(&ends)
      close(ends[0])
      guard unsafe write(ends[1], "x", 1) == -1 && errno == EPIPE else { exit(2) }
    }
  }

  @Test func aThreadHasItsNameAndPriority() throws {
    let said = Mutex<[String]>([])
    let waker = try Waker()
    startThread(name: "heddle-long-name-cut") {
      let lowered = setLowPriority()
      let name = (try? readFile("/proc/thread-self/comm", limit: 100)) ?? []
      let stat = (try? readFile("/proc/thread-self/stat", limit: 10_000)) ?? []
      // Field 19, counted after the name's closing bracket (field 2).
      let fields = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
      let nice = fields.count > 16 ? Int(fields[16]) ?? 0 : 0
      said.withLock { $0 = [String(decoding: name, as: UTF8.self), "\(lowered)", "\(nice >= 10)"] }
      waker.wake()
    }
    #expect(try wait(for: .read, waker.descriptor) == .readable)
    #expect(said.withLock { $0 } == ["heddle-long-nam\n", "true", "true"])
  }
}

@Suite struct WakerTests {
  @Test func aFullCounterStillWakes() throws {
    let waker = try Waker()
    let poller = try Poller()
    try poller.add(waker.descriptor, token: 1, [.read, .edgeTriggered])
    waker.add(.max - 1)
    #expect(poller.wait(milliseconds: 0) == 1)
    waker.wake()
    #expect(poller.wait(milliseconds: 0) == 1)
  }
}
