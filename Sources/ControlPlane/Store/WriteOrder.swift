import JSONFormat

/// One write as the API asks for it. What it does is a function over an `Edit`, so that the same order can be tried
/// (dry run) and, later, carried out on whatever the state is then.
struct WriteOrder: Sendable {
  let namespace: String
  /// Who it is, for the history and for idempotency keys.
  let who: String
  /// The operator's reason, or empty.
  var why = ""
  var preconditions = Preconditions()
  /// Whether an absent namespace is made.
  var creates = false
  var isForced = false
  var idempotency: Idempotency?
  let apply: @Sendable (inout Edit) throws(Problem) -> Reply

  /// A key that the caller gave, and what the request was, so that another one under the same key is seen.
  struct Idempotency: Sendable {
    let key: String
    /// SHA-256 of method, target and body.
    let request: [UInt8]

    static let lifetime = Duration.seconds(86_400)
  }

  /// What to answer when the write stands.
  struct Reply: Sendable {
    var status = 200
    var location: String?
    /// Where in the body each changed document came from.
    var places: [DocumentKey: Pointer] = [:]
    /// From the state with the write in it.
    var members: @Sendable (NamespaceState) -> [JSON.Member] = { _ in [] }
  }
}

/// What became of a write that stands. Also what a repetition under the same idempotency key gets.
struct WriteAnswer: Sendable, Equatable {
  let status: Int
  let location: String?
  let revision: UInt64
  /// The opaque tag without quotes.
  let tag: String
  /// Everything but `revision` and `warnings`.
  let members: [JSON.Member]
  let warnings: [JSON]
  /// True for the repetition of an answer.
  var isReplayed = false

  var stored: JSON {
    [
      "status": JSON(status), "location": location.map(JSON.string) ?? .null, "revision": JSON(revision),
      "tag": .string(tag),
      "members": .object(members), "warnings": .array(warnings),
    ]
  }

  init(status: Int, location: String?, revision: UInt64, tag: String, members: [JSON.Member], warnings: [JSON]) {
    self.status = status
    self.location = location
    self.revision = revision
    self.tag = tag
    self.members = members
    self.warnings = warnings
  }

  /// nil when the text is not what `stored` prints.
  init?(stored text: String) {
    guard let json = try? JSONParser.parse(Array(text.utf8)), let status = json["status"]?.whole,
      let revision = json["revision"]?.whole, let tag = json["tag"]?.text, let members = json["members"]?.members,
      let warnings = json["warnings"]?.items
    else { return nil }
    self.init(
      status: Int(status), location: json["location"]?.text, revision: UInt64(max(0, revision)), tag: tag,
      members: members,
      warnings: warnings)
    isReplayed = true
  }
}

/// `If-Match` and `If-None-Match` of a write.
struct Preconditions: Sendable, Equatable {
  /// nil: none given. Each tag is a revision, with or without what follows a dash.
  var match: [String]?
  /// `If-Match: *`: the namespace must exist.
  var mustExist = false
  /// `If-None-Match: *`: the resource must not exist.
  var mustBeNew = false

  func check(_ state: NamespaceState) throws(Problem) {
    let revision = state.isPresent ? state.revision : 0
    if mustExist, !state.isPresent { throw .stale("Namespace \(state.name) does not exist.", revision: 0) }
    guard let match else { return }
    let held = match.compactMap { tag in tag.split(separator: "-").first.flatMap { UInt64($0) } }
    guard held.contains(revision) else {
      throw .stale(
        "The namespace is at revision \(revision), not at \(match.joined(separator: ", ")).", revision: revision)
    }
  }
}
