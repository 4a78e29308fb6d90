/// Questions that wait for a connection, and those under way on it. Servers answer in the order in which they were asked.
struct ZooKeeperQuestions {
  /// Under way at once. Why: servers count what all clients have asked (`globalOutstandingLimit`, 1000). At the limit: others wait.
  static let window = 64

  private struct Question {
    let xid: Int32
    let request: ZooKeeperRequest
  }

  private var waiting: [ZooKeeperRequest] = []
  /// Those before it have been asked.
  private var start = 0
  private var underWay: [Question] = []
  private var lastXid: Int32 = 0

  mutating func add(_ request: ZooKeeperRequest) { waiting.append(request) }

  /// The frame to be sent now; nil when nothing waits, or enough is under way.
  mutating func nextFrame() -> [UInt8]? {
    guard start < waiting.count, underWay.count < Self.window else { return nil }
    let question = Question(xid: nextXid(), request: waiting[start])
    start += 1
    if start == waiting.count {
      waiting = []
      start = 0
    }
    underWay.append(question)
    return question.request.frame(xid: question.xid)
  }

  /// Numbers are above 0: the others have meanings of their own.
  mutating func nextXid() -> Int32 {
    lastXid = lastXid == .max ? 1 : lastXid + 1
    return lastXid
  }

  /// What is answered; nil when nothing of this number is due.
  mutating func answered(_ xid: Int32) -> ZooKeeperRequest? {
    guard let first = underWay.first, first.xid == xid else { return nil }
    underWay.removeFirst()
    return first.request
  }

  /// All are to be asked again, but for watches to be taken back: those have gone with the connection.
  mutating func connectionLost() {
    waiting = (underWay.map(\.request) + waiting[start...]).filter {
      if case .removeWatches = $0 { false } else { true }
    }
    start = 0
    underWay = []
  }

  mutating func removeAll() {
    waiting = []
    start = 0
    underWay = []
  }
}
