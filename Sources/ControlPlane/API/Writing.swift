import JSONFormat
import MeshProtocol
import Serving

// What every write of configuration has in common.

extension Call {
  static let longestKey = 255
  static let longestReason = 1024
  static let waitTimes = Duration.milliseconds(1)...Duration.seconds(60)

  /// Carries out a write of this call's namespace, or tries it, and answers as the parameters ask.
  /// - Parameter isNew: whether the resource does not exist yet, for `If-None-Match: *`.
  func write(
    namespace: String, creates: Bool = false, isNew: (@Sendable (NamespaceState) -> Bool)? = nil,
    _ apply: @escaping @Sendable (inout Edit) throws(Problem) -> WriteOrder.Reply
  ) async throws(Problem) -> HTTPResponse {
    let conditions = try preconditions()
    let waits = try waiting()
    var order = WriteOrder(namespace: namespace, who: who) { (edit: inout Edit) throws(Problem) in
      if conditions.mustBeNew, let isNew, !isNew(edit.base) {
        throw .stale("It exists already.", revision: edit.base.isPresent ? edit.base.revision : 0)
      }
      return try apply(&edit)
    }
    order.why = try reason()
    order.preconditions = conditions
    let asksToCreate = try flag("create")
    order.creates = creates || asksToCreate
    order.isForced = try flag("force")
    if try flag("dry_run") { return try tried(order) }
    order.idempotency = try idempotency()
    let answer = try await controller.write(order).get()
    guard let waits else { return answer.response }
    return await barrier(namespace, answer, waits)
  }

  private func reason() throws(Problem) -> String {
    let text = request.headers["heddle-reason"] ?? ""
    guard text.utf8.count <= Self.longestReason else {
      throw .malformed("Heddle-Reason is longer than \(Self.longestReason) bytes.")
    }
    return text
  }

  private func idempotency() throws(Problem) -> WriteOrder.Idempotency? {
    let keys = request.headers.values("idempotency-key")
    guard let key = keys.first else { return nil }
    guard keys.count == 1, (1...Self.longestKey).contains(key.utf8.count) else {
      throw .malformed("Idempotency-Key must be one text of 1 to \(Self.longestKey) bytes.")
    }
    let head = Array("\(request.method) \(request.target)\n".utf8)
    let text = head + request.body
    return WriteOrder.Idempotency(key: key, request: SHA256.digest(text.span))
  }

  private func tried(_ order: WriteOrder) throws(Problem) -> HTTPResponse {
    let edit = try controller.plan(order)
    let value: JSON = [
      "dry_run": true, "revision": JSON(edit.base.revision), "diff": .array(edit.diff),
      "warnings": .array(edit.warnings.map(\.json)),
    ]
    return .json(200, value, tag: String(edit.base.revision))
  }

  // MARK: waiting for the proxies

  private struct Waiting { let timeout: Duration, minApplied: Int }

  private func waiting() throws(Problem) -> Waiting? {
    let timeout = try duration("timeout", Self.waitTimes) ?? .seconds(5)
    let minApplied = try whole("min_applied", 0...100_000) ?? 1
    switch text("wait") {
    case nil: return nil
    case "applied": return Waiting(timeout: timeout, minApplied: minApplied)
    default: throw .malformed("wait must be \"applied\".")
    }
  }

  private func barrier(_ namespace: String, _ answer: WriteAnswer, _ waiting: Waiting) async -> HTTPResponse {
    let result = await api.mesh.proxies.barrier(
      namespace: namespace, revision: answer.revision, timeout: waiting.timeout, minApplied: waiting.minApplied)
    let value = JSON.object(
      [.init(name: "revision", value: JSON(answer.revision))] + result.members
        + [.init(name: "warnings", value: .array(answer.warnings))])
    return .json(200, value, tag: answer.tag, location: answer.location)
  }
}

extension BarrierResult {
  fileprivate var members: [JSON.Member] {
    [
      .init(name: "complete", value: .bool(complete)), .init(name: "applied", value: JSON(applied)),
      .init(name: "pending", value: .array(pending.map(JSON.string))),
      .init(name: "rejected", value: .array(rejected.map { ["id": .string($0.id), "error": .string($0.error)] })),
      .init(name: "disconnected", value: .array(disconnected.map(JSON.string))),
    ]
  }
}

extension WriteAnswer {
  var response: HTTPResponse {
    let value = JSON.object(
      members + [.init(name: "revision", value: JSON(revision)), .init(name: "warnings", value: .array(warnings))])
    var response = HTTPResponse.json(status, value, tag: tag, location: location)
    if isReplayed { response.headers.append("idempotency-replayed", "true") }
    return response
  }
}

extension Edit {
  /// What it changes, endpoints included.
  var diff: [JSON] {
    changes.map(\.json) + registry.keys.sorted().flatMap { service in endpointDiff(service) }
  }

  private func endpointDiff(_ service: String) -> [JSON] {
    let (before, after) = (base.services[service]?.endpoints ?? [:], state.services[service]?.endpoints ?? [:])
    return Set(before.keys).union(after.keys).sorted().compactMap { address in
      let (old, new) = (before[address], after[address])
      if old == new { return nil }
      let op = old == nil ? "add" : new == nil ? "remove" : "change"
      var json: JSON = ["op": .string(op), "kind": "endpoint", "name": .string("\(service)/\(address)")]
      if let old { json = json.adding([.init(name: "before", value: .object(old.members))]) }
      if let new { json = json.adding([.init(name: "after", value: .object(new.members))]) }
      return json
    }
  }
}
