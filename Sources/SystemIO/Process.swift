import CLinux
import Glibc

/// `count` bytes from the kernel's generator, fit for keys.
public func randomBytes(_ count: Int) throws(SystemError) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  var done = 0
  while done < count {
    let got = unsafe bytes.withUnsafeMutableBytes { raw in
      unsafe clinux_random(raw.baseAddress.map { unsafe $0 + done }, raw.count - done)
    }
    if got < 0 && got != Int(-EINTR) { throw SystemError(code: Int32(-got), call: "getrandom") }
    done += max(0, got)
  }
  return bytes
}

/// A random number from the kernel's generator: seeds for hashes and generators.
public func randomSeed() throws(SystemError) -> UInt64 {
  try randomBytes(8).reduce(0) { $0 << 8 | UInt64($1) }
}

/// The environment variable `name`, nil when it is not set.
public func environment(_ name: String) -> String? {
  unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// This machine's name, as `gethostname` says; `localhost` when it has none.
public func hostName() -> String {
  var text = [CChar](repeating: 0, count: 256)
  return unsafe gethostname(&text, text.count - 1) == 0 && text[0] != 0 ? string(text) : "localhost"
}

/// This process's id.
public func processID() -> Int32 { getpid() }

/// Gives memory that the heap keeps free back to the system, which it does not do by itself for what lies between used
/// memory. Takes time by the size of the heap (about 10 ms for 100 MB), and for a part of it holds up threads that allocate.
public func returnFreeMemory() { clinux_return_memory() }

/// What this process takes from the machine.
public struct ProcessStats: Sendable {
  /// Resident memory in bytes.
  public var residentBytes: UInt64
  /// Processor time, user and system, in seconds.
  public var cpuSeconds: Double
  /// Open descriptors.
  public var openDescriptors: Int
}

/// Measures this process. What cannot be read (no /proc) is 0.
public func processStats() -> ProcessStats {
  var usage = rusage()
  unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
  let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
  let microseconds = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
  return ProcessStats(
    residentBytes: residentPages() * UInt64(sysconf(Int32(_SC_PAGESIZE))), cpuSeconds: seconds + microseconds / 1e6,
    openDescriptors: countDescriptors())
}

private func residentPages() -> UInt64 {
  guard let text = try? readFile("/proc/self/statm", limit: 4096) else { return 0 }
  let fields = String(decoding: text, as: UTF8.self).split(separator: " ")
  return fields.count > 1 ? UInt64(fields[1]) ?? 0 : 0
}

private func countDescriptors() -> Int {
  guard let directory = unsafe opendir("/proc/self/fd") else { return 0 }
  defer { unsafe closedir(directory) }
  var count = -3  // `.`, `..` and the directory itself
  while unsafe readdir(directory) != nil { count += 1 }
  return count
}

/// Raises this process's limit of open descriptors to what the system allows it, and returns the limit that holds now.
@discardableResult public func raiseDescriptorLimit() -> Int {
  var limit = rlimit()
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
  var raised = limit
  raised.rlim_cur = limit.rlim_max
  return Int(clamping: unsafe setrlimit(resource, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur)
}

/// Writes `line` and a line feed to standard error in one call, so that lines of several threads do not mix. Where
/// standard error is closed or full the line is lost: there is nowhere left to say so.
public func writeStandardError(_ line: String) { writeLine(line, to: STDERR_FILENO) }

/// Writes `line` and a line feed to standard output in one call.
public func writeStandardOutput(_ line: String) { writeLine(line, to: STDOUT_FILENO) }

private func writeLine(_ line: String, to descriptor: Int32) {
  let bytes = Array((line + "\n").utf8)
  var done = 0
  while done < bytes.count {
    let count = unsafe bytes.withUnsafeBytes { raw in
      retrying { unsafe write(descriptor, raw.baseAddress.map { unsafe $0 + done }, raw.count - done) }
    }
    if count <= 0 { return }
    done += count
  }
}

/// Ends the process with an exit code, 0 … 255.
public func terminate(_ code: Int32) -> Never { exit(code) }
