// Query parameters and headers that many routes share.

extension Route.Parameter {
  static let force = query("force", ["type": "boolean"], "Overrides the protection of connected proxies.")
  static let create = query("create", ["type": "boolean"], "Makes the namespace if it is absent.")

  /// Every write of configuration takes these.
  static let write: [Route.Parameter] = [
    .query("dry_run", ["type": "boolean"], "Validates, answers with the diff and warnings, stores nothing."),
    .query(
      "wait", ["type": "string", "enum": ["applied"]],
      "Answers when every connected proxy of the namespace runs the change."),
    .query("timeout", ["type": "string", "default": "5s"], "How long to wait, at most 60s."),
    .query("min_applied", ["type": "integer", "minimum": 0, "default": 1], "Proxies that must run it for `complete`."),
    .force, .create,
    .header(
      "If-Match", ["type": "string"],
      "The ETag that the namespace must still have; `\"0\"`: the namespace must be absent."),
    .header("If-None-Match", ["type": "string", "enum": ["*"]], "The resource must not exist."),
    .header("Idempotency-Key", ["type": "string", "maxLength": 255], "A repetition within 24 h gets the same answer."),
    .header("Heddle-Reason", ["type": "string", "maxLength": 1024], "Why, for the history."),
  ]

  static let read: [Route.Parameter] = [
    .header("If-None-Match", ["type": "string"], "Answers 304 when this is still the ETag.")
  ]

  static let list: [Route.Parameter] =
    [
      .query(
        "limit", ["type": "integer", "minimum": 1, "maximum": 10_000], "Most items of one answer; all when absent."),
      .query("continue", ["type": "string"], "Where the last answer stopped; it pins the revision."),
    ] + read
}
