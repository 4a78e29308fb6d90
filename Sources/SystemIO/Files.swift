import Glibc

/// The bytes of the file at `path`. More than `limit` bytes are refused as EFBIG, so that a wrong path cannot fill the
/// memory.
public func readFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
  let file = try Descriptor(opening: path, O_RDONLY)
  var bytes: [UInt8] = []
  var count = 0
  while true {
    // Not the size that the system tells: files in /proc say 0.
    if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: max(4096, count))) }
    let added = try file.read(into: &bytes, from: count)
    count += added
    if count > limit { throw SystemError(code: EFBIG, call: "read") }
    if added == 0 { break }
  }
  bytes.removeLast(bytes.count - count)
  return bytes
}

/// A file that is read in pieces, however large it is.
public struct FilePieces: ~Copyable, Sendable {
  /// Bytes of a piece at most.
  public static let piece = 64 << 10

  private let file: Descriptor

  public init(_ path: String) throws(SystemError) { file = try Descriptor(opening: path, O_RDONLY) }

  /// The next bytes; none at the end.
  public borrowing func next() throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.piece)
    let count = try file.read(into: &bytes, from: 0)
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// Gives the file at `path` another name, in place of what has that name; also after a power loss.
public func moveFile(_ path: String, to other: String) throws(SystemError) {
  if path.utf8.contains(0) || other.utf8.contains(0) { throw SystemError(code: EINVAL, call: "rename") }
  if unsafe rename(path, other) != 0 { throw .last("rename") }
  try synchronizeDirectory(of: other)
}

/// Replaces the file at `path` by `bytes`, so that a reader, or this machine after a power loss, finds the old bytes or
/// the new ones and nothing between: written beside it, synchronised, renamed, and the directory synchronised. Blocks
/// for the disk.
/// - Parameter mode: The permissions of the new file.
public func writeAtomically(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(SystemError) {
  try writeAtomically(path, mode: mode) { write throws(SystemError) in try write(bytes) }
}

/// The same with bytes that come in pieces: `body` calls what it is given with each of them.
public func writeAtomically(
  _ path: String, mode: UInt32 = 0o644, _ body: (([UInt8]) throws(SystemError) -> Void) throws(SystemError) -> Void
) throws(SystemError) {
  if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "open") }
  let temporary = "\(path).\(getpid())-\(try temporarySuffix()).tmp"
  do throws(SystemError) {
    let file = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    if fchmod(file.number, mode) != 0 { throw .last("fchmod") }  // `open` cuts the mode by the umask
    try write(file, body)
    try file.synchronize()
    if unsafe rename(temporary, path) != 0 { throw .last("rename") }
  } catch {
    _ = unsafe unlink(temporary)  // best effort: the first error is the one to tell
    throw error
  }
  try synchronizeDirectory(of: path)
}

private func write(
  _ file: borrowing Descriptor, _ body: (([UInt8]) throws(SystemError) -> Void) throws(SystemError) -> Void
) throws(SystemError) {
  let number = file.number
  try body { bytes throws(SystemError) in try Descriptor.write(bytes, to: number) }
}

private func synchronizeDirectory(of path: String) throws(SystemError) {
  let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
  let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
  try Descriptor(opening: directory, O_RDONLY | O_DIRECTORY).synchronize()
}

private func temporarySuffix() throws(SystemError) -> String {
  try randomBytes(6).map { String($0, radix: 36) }.joined()
}

/// The right to be the only one: held until it goes out of scope or the process ends, however it ends.
public struct FileLock: ~Copyable, Sendable {
  private let file: Descriptor

  fileprivate init(_ file: consuming Descriptor) { self.file = file }
}

/// Locks the file at `path`, which is made if need be and never removed (a removed one could be locked twice). Held by
/// someone else, it throws EWOULDBLOCK at once.
public func lockFile(_ path: String) throws(SystemError) -> FileLock {
  let file = try Descriptor(opening: path, O_RDWR | O_CREAT, mode: 0o644)
  let descriptor = file.number
  if retrying({ Int(flock(descriptor, LOCK_EX | LOCK_NB)) }) != 0 { throw .last("flock") }
  return FileLock(file)
}

/// Makes the directory at `path` and those above it that are missing.
public func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
  if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "mkdir") }
  var prefix = ""
  for part in path.split(separator: "/", omittingEmptySubsequences: false) {
    prefix += part
    if unsafe !part.isEmpty && mkdir(prefix, mode) != 0 && errno != EEXIST { throw .last("mkdir") }
    prefix += "/"
  }
}

/// Removes the file at `path`; one that is not there is no error.
public func removeFile(_ path: String) throws(SystemError) {
  if path.utf8.contains(0) { throw SystemError(code: EINVAL, call: "unlink") }
  if unsafe unlink(path) != 0 && errno != ENOENT { throw .last("unlink") }
}
