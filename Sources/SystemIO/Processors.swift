import CLinux

/// Processors that this process may keep busy: the fewer of those it may run on and of its control group's quota,
/// rounded up, at least 1.
public func processorCount() -> Int {
  let affinity = Int(clinux_affinity_count())
  let group = (try? readFile("/proc/self/cgroup", limit: 65_536)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  let quota = processorQuota(cgroups: group) { path in
    (try? readFile(path, limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
  }
  return max(1, min(affinity < 1 ? 1 : affinity, quota ?? .max))
}

/// The least quota of the process's control groups and those above them, in processors rounded up; nil when there is
/// none.
/// - Parameters:
///   - cgroups: What /proc/self/cgroup says (cgroups(7)): `0::/path` for version 2, `4:cpu,cpuacct:/path` for version
///     1.
///   - read: Reads a file; nil when it is not there.
func processorQuota(cgroups: String, read: (String) -> String?) -> Int? {
  var least: Int?
  func consider(_ quota: Int?) {
    if let quota { least = min(least ?? .max, quota) }
  }
  for line in cgroups.split(separator: "\n") {
    let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard fields.count == 3 else { continue }
    // In a container the path may be the host's while the mount shows the group as the root: the walk up ends there.
    for path in ancestors(String(fields[2])) {
      if fields[1].isEmpty {
        consider(read("/sys/fs/cgroup\(path)/cpu.max").flatMap(quota(cpuMax:)))
      } else if fields[1].split(separator: ",").contains("cpu") {
        let limit = read("/sys/fs/cgroup/cpu\(path)/cpu.cfs_quota_us")
        let period = read("/sys/fs/cgroup/cpu\(path)/cpu.cfs_period_us")
        if let limit, let period { consider(quota(cpuMax: "\(limit) \(period)")) }
      }
    }
  }
  return least
}

/// `/a/b` gives `/a/b`, `/a` and the empty path of the root.
private func ancestors(_ path: String) -> [String] {
  var paths: [String] = []
  var rest = path[...]
  while let slash = rest.lastIndex(of: "/") {
    if rest != "/" { paths.append(String(rest)) }
    rest = rest[..<slash]
  }
  return paths + [""]
}

/// `150000 100000` (microseconds of quota and of period) is 2; `max` and −1 are none.
func quota(cpuMax: String) -> Int? {
  let numbers = cpuMax.split(whereSeparator: { $0.isWhitespace }).map { Int($0) }
  guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0 else { return nil }
  return quota / period + (quota % period == 0 ? 0 : 1)
}
