import CLinux
import Glibc

/// Tells that something changed in a directory (inotify). It says that, not what: who wants to know looks at the files,
/// which must be done anyway, since events can be lost and symbolic links lead elsewhere.
///
/// Watch `descriptor` for `.read`; on readiness call `take`.
public struct DirectoryChanges: ~Copyable, Sendable {
  /// What happened since the last look.
  public enum News: Sendable {
    case nothing
    /// Entries came, went, or were written.
    case entries
    /// The directory itself is gone, moved or no longer watched: nothing more will come.
    case gone
  }

  private let queue: Descriptor

  /// For the poller; valid as long as this lives.
  public var descriptor: Int32 { queue.number }

  /// Watches the directory at `path`, which must exist.
  public init(_ path: String) throws(SystemError) {
    if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "inotify_add_watch") }
    let number = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    if number < 0 { throw .last("inotify_init1") }
    let queue = Descriptor(owning: number)
    let entries = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB
    let own = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR
    let watch = unsafe inotify_add_watch(number, path, UInt32(entries | own))
    if watch < 0 { throw .last("inotify_add_watch") }
    self.queue = queue
  }

  /// Takes all that waits.
  public borrowing func take() -> News {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    var news = News.nothing
    let descriptor = queue.number
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes { raw in
        retrying { unsafe read(descriptor, raw.baseAddress, raw.count) }
      }
      if count <= 0 { return news }
      switch (Self.masks(buffer, count), news) {
      case (let masks, _) where masks & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT) != 0:
        news = .gone
      case (_, .gone): break
      default: news = .entries
      }
    }
  }

  /// The masks of all events in the first `count` bytes, together: each is wd, mask, cookie, length of the name, name.
  private static func masks(_ buffer: [UInt8], _ count: Int) -> UInt32 {
    let head = MemoryLayout<inotify_event>.size
    var masks: UInt32 = 0
    var offset = 0
    unsafe buffer.withUnsafeBytes { raw in
      while offset + head <= count {
        masks |= unsafe raw.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
        let name = unsafe raw.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self)
        offset += head + Int(name)
      }
    }
    return masks
  }
}

/// What tells one content of a file from another without reading it.
public struct FileIdentity: Hashable, Sendable {
  /// False for directories, pipes and devices: reading those may block or never end.
  public let isRegular: Bool
  public let size: Int
  private let device: UInt64
  private let inode: UInt64
  private let modified: Int64
  private let changed: Int64

  /// When the content last changed, on the wall clock, in milliseconds since 1970.
  public var modifiedMilliseconds: UInt64 { UInt64(max(0, modified) / 1_000_000) }

  /// Of the file at `path`, behind symbolic links.
  public init(_ path: String) throws(SystemError) {
    if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "stat") }
    var state = stat()
    if unsafe stat(path, &state) != 0 { throw .last("stat") }
    isRegular = state.st_mode & S_IFMT == S_IFREG
    size = Int(state.st_size)
    device = UInt64(state.st_dev)
    inode = UInt64(state.st_ino)
    modified = Int64(state.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(state.st_mtim.tv_nsec)
    changed = Int64(state.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(state.st_ctim.tv_nsec)
  }
}

extension SystemError {
  /// No file or directory of that name.
  public var isMissing: Bool { code == ENOENT || code == ENOTDIR }
}
