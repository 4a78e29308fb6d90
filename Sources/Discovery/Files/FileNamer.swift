import MeshProtocol
import Serving
import Settings
import SystemIO

/// `/#/io.l5d.fs/<file>`: names are the files of a directory.
struct FileNamerSettings: NamerSettings {
  static let kind = "io.l5d.fs"
  /// A local fact and no hiccup of a network: a second covers tools that remove a file and write it anew.
  static let grace = Duration.seconds(1)

  /// The directory; it may appear later.
  let directory: String

  init(directory: String) { self.directory = directory }

  init(_ reader: Reader) {
    directory = reader.text("rootDir") ?? ""
    if directory.isEmpty { reader.fault("rootDir", "missing: the directory whose files are the names") }
  }

  func makeNamer(_ context: NamerContext) -> any Namer { FileNamer(directory, context) }
}

/// Looks at the watched files whenever the kernel tells of a change in the directory, and besides every second: for
/// links that lead elsewhere, for file systems that tell nothing, and for directories that come later.
final class FileNamer: Namer {
  /// Bytes of a file. Why: a wrong directory must not fill the memory. At the limit: the name fails with the reason.
  static let longestFile = 1 << 20
  static let period = Duration.seconds(1)
  /// From a change to the look at it: editors and tools write in several steps.
  static let settling = Duration.milliseconds(10)
  /// Milliseconds since its last change for which a file is read again although it looks the same.
  static let youth: UInt64 = 2000

  let segments: Int? = 1
  private let directory: String
  private let context: NamerContext
  private var files: [UInt64: WatchedFile] = [:]
  private var last: UInt64 = 0
  private var changes: ChangeWatch?
  private var isSettling = false
  private var timer: ServiceLoop.Timer?

  init(_ directory: String, _ context: NamerContext) {
    self.directory = directory
    self.context = context
  }

  deinit {
    changes?.end()
    if let timer { context.loop.cancel(timer) }
  }

  func watch(_ name: Path, _ tell: @escaping (Finding) -> Void) -> any NamerWatch {
    guard let segment = name.segments.first, segment.isText, case let file = segment.text, !file.hasPrefix("."),
      !file.utf8.contains(0x2f), !file.utf8.contains(0)
    else {
      tell(.negative("\(name) is no name of a file"))
      return EndedWatch()
    }
    last += 1
    let id = last
    let watched = WatchedFile(path: "\(directory)/\(file)", directory: directory, context: context, tell: tell)
    files[id] = watched
    if files.count == 1 { begin() }
    watched.look()
    return FileWatch { [weak self] in self?.end(id) }
  }

  private func end(_ id: UInt64) {
    files.removeValue(forKey: id)?.end()
    guard files.isEmpty else { return }
    changes?.end()
    changes = nil
    if let timer { context.loop.cancel(timer) }
    timer = nil
  }

  /// Keeps the directory under watch, and looks at the clock, as long as there are names.
  private func begin() {
    if changes == nil { changes = ChangeWatch(directory, context.loop) { [weak self] in self?.changed($0) } }
    timer = context.loop.schedule(after: Self.period) { [weak self] in
      guard let self, !files.isEmpty else { return }
      begin()
      lookAtAll()
    }
  }

  private func changed(_ news: DirectoryChanges.News) {
    if case .gone = news {
      changes?.end()
      changes = nil
    }
    guard !isSettling else { return }
    isSettling = true
    context.loop.schedule(after: Self.settling) { [weak self] in
      self?.isSettling = false
      self?.lookAtAll()
    }
  }

  private func lookAtAll() { for file in Array(files.values) { file.look() } }
}

private final class FileWatch: NamerWatch {
  private let stop: () -> Void
  init(_ stop: @escaping () -> Void) { self.stop = stop }
  func cancel() { stop() }
}

/// The kernel's news of one directory.
private final class ChangeWatch {
  private let changes: DirectoryChanges
  private var watch: DescriptorWatch?

  /// Nil when the directory is not there, or the kernel has no more watches to give: then the clock alone tells.
  init?(_ directory: String, _ loop: ServiceLoop, _ tell: @escaping (DirectoryChanges.News) -> Void) {
    guard let changes = try? DirectoryChanges(directory) else { return nil }
    self.changes = changes
    watch = try? loop.watch(self.changes.descriptor, .read) { [weak self] _ in
      if let news = self?.changes.take() { tell(news) }
    }
    if watch == nil { return nil }
  }

  func end() { watch?.end() }
}

/// One file under watch, read again when it is another.
private final class WatchedFile {
  private let path: String
  private let directory: String
  private let context: NamerContext
  private var tell: ((Finding) -> Void)?
  private var identity: FileIdentity?
  private var hosts: TargetSet?

  init(path: String, directory: String, context: NamerContext, tell: @escaping (Finding) -> Void) {
    self.path = path
    self.directory = directory
    self.context = context
    self.tell = tell
  }

  func end() {
    tell = nil
    hosts?.end()
  }

  func look() {
    do throws(SystemError) {
      let current = try FileIdentity(path)
      // Two writes within one tick of the file system's clock look alike: what is young is read again.
      let age = wallClockMilliseconds() &- current.modifiedMilliseconds
      if current == identity, age > FileNamer.youth { return context.counters.answered(at: context.now) }
      identity = current
      guard current.isRegular else { return say(.failed("\(path) is no regular file")) }
      read(try readFile(path, limit: FileNamer.longestFile))
    } catch {
      identity = nil
      missing(error)
    }
  }

  private func read(_ bytes: [UInt8]) {
    do throws(EndpointFile.Fault) {
      let file = try EndpointFile(parsing: bytes)
      if let hosts, hosts.targets == file.targets { return }
      if let endpoints = TargetSet.numeric(file.targets) {
        return say(.bound(BoundName(taken: 1, endpoints: endpoints)))
      }
      hosts?.end()
      let set = TargetSet(file.targets, context.hosts)
      hosts = set
      set.begin { [weak self] endpoints in self?.tell?(endpoints.finding(taken: 1)) }
    } catch {
      say(.failed("\(path) \(error)"))
    }
  }

  /// A file that is not there is a negative answer only when its directory is.
  private func missing(_ error: SystemError) {
    guard error.isMissing, (try? FileIdentity(directory)) != nil else { return say(.failed("\(path): \(error)")) }
    say(.negative("there is no file \(path)"))
  }

  private func say(_ finding: Finding) {
    hosts?.end()
    hosts = nil
    tell?(finding)
  }
}
