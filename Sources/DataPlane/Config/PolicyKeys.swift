import MeshProtocol
import Settings
import SystemIO
import Traffic

/// Reads `policies`:
///
/// ```yaml
/// policies:
///   - prefix: /svc/users
///     classify:
///       declared: {1: retryable, 2: failure, other: success}   # exceptions by field of the result; or one word for all
///       application: {internal_error: retryable, other: failure}
///       error: failure                                         # Mux: status error, Rerr
///     retries:
///       max: 2
///       budget: {percent: 20, min_per_second: 10, ttl: 10s}
///       backoff: {min: 25ms, max: 250ms}
///       buffer: 64KiB
/// ```
struct PolicyKeys {
  /// More entries than anyone writes by hand; each new logical name is compared with all.
  static let most = 256
  /// Bytes of a request that may be kept at most: as `outbound.limits.message`.
  static let largestBuffer = 1 << 30

  private let problems: ProblemList

  /// The list that the file has. What is wrong is noted in `problems`.
  /// - Parameter base: how calls are classified where no policy says.
  static func read(_ node: Node?, over base: CallClassifier, _ problems: ProblemList) -> PolicyTable {
    guard let node else { return PolicyTable(over: base) }
    guard case .list(let items) = node.content, items.count <= most else {
      problems.add(
        Problem(
          path: "policies", message: "expected a list of at most \(most) policies, found \(node.kindName)",
          origin: .file(node.mark), hint: "- {prefix: /svc/users, classify: {declared: retryable}}"))
      return PolicyTable(over: base)
    }
    let keys = PolicyKeys(problems: problems)
    var entries: [TrafficPolicy] = []
    for (index, item) in items.enumerated() {
      let reader = Reader(item, path: "policies[\(index)]", problems: problems)
      guard let entry = keys.policy(reader) else { continue }
      if entries.contains(where: { $0.prefix == entry.prefix }) {
        reader.fault("prefix", "\(entry.prefix) has a policy already")
      }
      entries.append(entry)
    }
    return PolicyTable(entries, over: base)
  }

  private func policy(_ reader: Reader) -> TrafficPolicy? {
    let text = reader.text("prefix")
    let (classify, retries) = (reader.reader("classify"), reader.reader("retries"))
    reader.finish()
    guard let text else {
      reader.fault("prefix", "missing: the logical names that this is for, such as /svc/users")
      return nil
    }
    do throws(NamingError) {
      var policy = TrafficPolicy(prefix: try Prefix(parsing: text))
      if let classify { policy.classes = classes(classify) }
      if let retries { policy.retries = self.retries(retries) }
      return policy
    } catch {
      reader.fault("prefix", error.message)
      return nil
    }
  }

  // MARK: Classes

  private func classes(_ reader: Reader) -> TrafficPolicy.Classes {
    var classes = TrafficPolicy.Classes()
    let declared = table(reader, "declared") { Int16($0) }
    (classes.declared, classes.otherDeclared) = (declared.named, declared.other)
    let application = table(reader, "application") { Int32($0) ?? Self.applicationTypes[$0] }
    (classes.application, classes.otherApplication) = (application.named, application.other)
    classes.error = reader.text("error").flatMap { word(reader, "error", $0) }
    reader.finish()
    return classes
  }

  /// One word for all, or a mapping by number or name, where `other` is all that are not named.
  private func table<Number: FixedWidthInteger>(
    _ reader: Reader, _ key: String, _ number: (String) -> Number?
  ) -> (named: [Number: ResponseClass], other: ResponseClass?) {
    guard let node = reader.node(key) else { return ([:], nil) }
    if case .text(let text, _) = node.content { return ([:], word(reader, key, text)) }
    var (named, other): ([Number: ResponseClass], ResponseClass?) = ([:], nil)
    for entry in reader.entries(key) ?? [] {
      guard case .text(let text, _) = entry.value.content, let found = word(reader, key, text) else {
        if case .text = entry.value.content { continue }
        reader.fault(key, "expected one word for \(entry.key), found \(entry.value.kindName)")
        continue
      }
      if entry.key == "other" {
        other = found
      } else if let number = number(entry.key), number >= 0 {
        named[number] = found
      } else {
        reader.fault(key, "\(entry.key.prefix(80)) is no exception", hint: "a number, or other")
      }
    }
    return (named, other)
  }

  private func word(_ reader: Reader, _ key: String, _ text: String) -> ResponseClass? {
    if let known = ResponseClass(text) { return known }
    reader.fault(key, "expected success, failure or retryable, found \"\(text.prefix(80))\"")
    return nil
  }

  /// As Thrift's libraries call the types of `TApplicationException`.
  private static let applicationTypes: [String: Int32] = [
    "unknown": 0, "unknown_method": 1, "invalid_message_type": 2, "wrong_method_name": 3, "bad_sequence_id": 4,
    "missing_result": 5, "internal_error": 6, "protocol_error": 7, "invalid_transform": 8, "invalid_protocol": 9,
    "unsupported_client_type": 10,
  ]

  // MARK: Retries

  private func retries(_ reader: Reader) -> TrafficPolicy.Retries {
    var retries = TrafficPolicy.Retries()
    retries.most = reader.integer("max", in: 0...RetryPolicy.mostRetries)
    retries.buffer = reader.size("buffer")
    if let buffer = retries.buffer, buffer > Self.largestBuffer { reader.fault("buffer", "expected at most 1GiB") }
    if let budget = reader.reader("budget") {
      retries.share = budget.integer("percent", in: 0...1000).map { Double($0) / 100 }
      retries.floor = budget.integer("min_per_second", in: 0...1_000_000).map(Double.init)
      retries.window = duration(budget, "ttl", in: .seconds(1) ... .seconds(60))
      budget.finish()
    }
    if let backoff = reader.reader("backoff") {
      let range = Duration.zero ... .nanoseconds(Int64(RetryBackoff.limit))
      retries.shortestPause = duration(backoff, "min", in: range)
      retries.longestPause = duration(backoff, "max", in: range)
      backoff.finish()
      if let shortest = retries.shortestPause, let longest = retries.longestPause, shortest > longest {
        backoff.fault("min", "is longer than max")
      }
    }
    reader.finish()
    return retries
  }

  /// In nanoseconds.
  private func duration(_ reader: Reader, _ key: String, in range: ClosedRange<Duration>) -> UInt64? {
    guard let duration = reader.duration(key) else { return nil }
    guard range.contains(duration) else {
      reader.fault(key, "expected \(Scalar.text(range.lowerBound)) to \(Scalar.text(range.upperBound))")
      return nil
    }
    return UInt64(clamping: duration.wholeNanoseconds)
  }
}
