import MeshProtocol
import SystemIO

/// Why a proxy cannot use its state file at all.
enum StateStoreError: Error, CustomStringConvertible {
  case inUse(path: String)
  case unusable(path: String, SystemError)

  var description: String {
    switch self {
    case .inUse(let path): "state.path: \(path) is used by another proxy; give each its own"
    case .unusable(let path, let error): "state.path: \(path): \(error)"
    }
  }
}

/// What reading at the start found.
struct LoadedState: Sendable {
  /// The newest generation that is whole and of this namespace.
  var state: KeptState?
  /// What was wrong with the generations passed over, for the log.
  var faults: [String] = []
}

/// The file at `state.path` and its older generation beside it (`.previous`). Blocks for the disk: lives on its own
/// thread.
///
/// Locked (through `.lock`) for as long as it exists, so that no second proxy writes over it.
struct StateStore: ~Copyable {
  /// A file beyond this is not read: more than any configuration that a replica accepts.
  static let sizeLimit = 512 << 20

  private let path: String
  private let lock: FileLock
  /// The version that the current file holds; a file with another one is kept as the previous generation.
  private var current: ConfigurationVersion?

  private static func previous(_ path: String) -> String { path + ".previous" }

  /// Takes the lock.
  init(path: String) throws(StateStoreError) {
    self.path = path
    do {
      if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex {
        try makeDirectories(String(path[..<slash]))
      }
      lock = try lockFile(path + ".lock")
    } catch {
      throw error.isLocked ? .inUse(path: path) : .unusable(path: path, error)
    }
  }

  /// Reads the newest generation that is whole.
  mutating func load(namespace: String) -> LoadedState {
    var loaded = LoadedState()
    for file in [path, Self.previous(path)] {
      do {
        let state = try read(file)
        if file == path { current = state.version }
        guard state.namespace == namespace else {
          loaded.faults.append("\(file): it is of namespace \(state.namespace)")
          continue
        }
        loaded.state = state
        return loaded
      } catch let error as SystemError where error.isMissing {
        continue
      } catch {
        loaded.faults.append("\(file): \(error)")
      }
    }
    return loaded
  }

  private func read(_ file: String) throws -> KeptState {
    let pieces = try FilePieces(file)
    var length = 0
    return try KeptState(reading: {
      let piece = try pieces.next()
      length += piece.count
      guard length <= Self.sizeLimit else { throw KeptStateFault.tooLong }
      return piece
    })
  }

  /// Writes a state. One of another configuration makes the file before it the previous generation.
  mutating func save(_ state: KeptState) throws(SystemError) {
    if let current, current != state.version {
      try keepPrevious()
    }
    try writeAtomically(path, mode: 0o600) { write throws(SystemError) in try state.encode(to: write) }
    current = state.version
  }

  /// Only what is whole may take the place of the older generation. Until the new file is written there is none but that
  /// generation, which is the newest then.
  private func keepPrevious() throws(SystemError) {
    let isWhole: Bool
    do {
      let pieces = try FilePieces(path)
      isWhole = try KeptState.isWhole { try pieces.next() }
    } catch let error as SystemError {
      // Somebody removed the file: then there is nothing to keep, and the new one is written all the same.
      if error.isMissing { return }
      throw error
    } catch {
      isWhole = false
    }
    if isWhole { try moveFile(path, to: Self.previous(path)) }
  }
}

extension SystemError {
  /// EWOULDBLOCK of a lock.
  fileprivate var isLocked: Bool { code == 11 && "\(call)" == "flock" }
  /// ENOENT.
  var isMissing: Bool { code == 2 }
}
