/// What we ask of ZooKeeper: reads that leave a watch. All of them may be asked twice without harm.
enum ZooKeeperRequest: Hashable, Sendable {
  case children(of: String)
  case data(of: String)
  case exists(String)
  /// Takes back the watches of a node (servers from 3.5 on; others answer that they cannot, and the watches fire into nothing).
  case removeWatches(String)

  var path: String {
    switch self {
    case .children(let path), .data(let path), .exists(let path), .removeWatches(let path): path
    }
  }

  /// The frame of this request (ZooDefs.OpCode: exists 3, getData 4, getChildren2 12, removeWatches 18).
  func frame(xid: Int32) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(xid)
      switch self {
      case .exists: writer.int(3)
      case .data: writer.int(4)
      case .children: writer.int(12)
      case .removeWatches: writer.int(18)
      }
      writer.text(path)
      // Whether to watch; or which watches to take back: 3 is all.
      if case .removeWatches = self { writer.int(3) } else { writer.bool(true) }
    }
  }
}

enum ZooKeeperAnswer: Equatable, Sendable {
  case children([String])
  case data([UInt8])
  /// The node is there; of `exists`.
  case present
  /// Watches are taken back.
  case done
  case refused(ZooKeeperError)

  /// Children of one node that are taken. Why: a name has at most so many endpoints (`NameLimits.endpoints`). At the limit: the
  /// node is refused.
  static let childLimit = 10_000

  /// Reads the answer to `request` behind its header.
  init(_ request: ZooKeeperRequest, _ header: ReplyHeader, _ reader: inout JuteReader) throws(JuteFault) {
    guard header.error == 0 else { self = .refused(ZooKeeperError(code: header.error)); return }
    switch request {
    case .children:
      self = try reader.texts(limit: Self.childLimit).map { .children($0) } ?? .refused(.tooManyChildren)
    case .data: self = .data(try reader.buffer())
    case .exists: self = .present
    case .removeWatches: self = .done
    }
  }
}

/// Why ZooKeeper, or our own limits, gave no answer of use.
struct ZooKeeperError: Hashable, Sendable, CustomStringConvertible {
  /// KeeperException.Code; positive ones are our own.
  let code: Int32

  static let noNode = ZooKeeperError(code: -101)
  static let tooManyChildren = ZooKeeperError(code: 1)
  static let tooLarge = ZooKeeperError(code: 2)

  var description: String {
    switch code {
    case 1: "it has more than \(ZooKeeperAnswer.childLimit) children"
    case 2: "the answer is above \(ZooKeeperFrames.limit) bytes"
    case -4: "ZooKeeper says ConnectionLoss"
    case -6: "ZooKeeper says Unimplemented"
    case -7: "ZooKeeper says OperationTimeout"
    case -8: "ZooKeeper says BadArguments"
    case -101: "ZooKeeper says NoNode"
    case -102: "ZooKeeper says NoAuth: our identity may not read it"
    case -112: "ZooKeeper says SessionExpired"
    case -115: "ZooKeeper says AuthFailed"
    case -118: "ZooKeeper says SessionMoved"
    default: "ZooKeeper says error \(code)"
    }
  }
}

/// Before every answer and event.
struct ReplyHeader: Equatable {
  /// Of events (WatcherEvent), pings, credentials and watches that are set anew (ClientCnxn).
  static let event: Int32 = -1
  static let ping: Int32 = -2
  static let auth: Int32 = -4
  static let setWatches: Int32 = -8

  let xid: Int32
  /// The transaction that the answer has seen.
  let zxid: Int64
  let error: Int32

  init(_ reader: inout JuteReader) throws(JuteFault) {
    xid = try reader.int()
    zxid = try reader.long()
    error = try reader.int()
  }
}

/// A watch that fired; it has to be set anew.
struct ZooKeeperChange: Equatable, Sendable {
  enum Kind: Int32, Sendable { case created = 1, deleted, data, children }

  let kind: Kind
  let path: String

  /// Nil for what is no node's.
  init?(_ reader: inout JuteReader) throws(JuteFault) {
    let type = try reader.int()
    _ = try reader.int()
    let path = try reader.text()
    guard let kind = Kind(rawValue: type) else { return nil }
    self.init(kind, path)
  }

  init(_ kind: Kind, _ path: String) {
    self.kind = kind
    self.path = path
  }
}

/// The session that a server knows us by.
struct ZooKeeperIdentity: Equatable {
  /// 0 = none yet.
  var session: Int64 = 0
  var password = [UInt8](repeating: 0, count: 16)
}

/// The frames that belong to no node.
enum ZooKeeperFrame {
  /// ConnectRequest. We never ask for a server that can only read: it has lost its peers, and what it knows is old.
  static func connect(_ identity: ZooKeeperIdentity, seen zxid: Int64, timeoutMilliseconds: Int32) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(0)
      writer.long(zxid)
      writer.int(timeoutMilliseconds)
      writer.long(identity.session)
      writer.buffer(identity.password)
      writer.bool(false)
    }
  }

  static let ping = JuteWriter.frame { writer in
    writer.int(ReplyHeader.ping)
    writer.int(11)
  }

  /// AuthPacket with the scheme `digest`, whose credentials are `user:password`.
  static func digest(_ credentials: String) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(ReplyHeader.auth)
      writer.int(100)
      writer.int(0)
      writer.text("digest")
      writer.text(credentials)
    }
  }

  /// SetWatches: what changed after `zxid` is told at once.
  static func setWatches(_ set: WatchSet, after zxid: Int64) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(ReplyHeader.setWatches)
      writer.int(101)
      writer.long(zxid)
      writer.texts(set.data)
      writer.texts(set.exists)
      writer.texts(set.children)
    }
  }

  static func close(xid: Int32) -> [UInt8] {
    JuteWriter.frame { writer in
      writer.int(xid)
      writer.int(-11)
    }
  }
}

/// ConnectResponse.
struct ConnectResponse: Equatable {
  /// Milliseconds as the server grants them; at most 0: the session is over.
  let timeout: Int32
  let identity: ZooKeeperIdentity
  /// The server has lost its peers. Absent before 3.4.
  let isReadOnly: Bool

  init(_ frame: [UInt8]) throws(JuteFault) {
    var reader = JuteReader(frame)
    _ = try reader.int()
    timeout = try reader.int()
    identity = ZooKeeperIdentity(session: try reader.long(), password: try reader.buffer())
    isReadOnly = reader.isAtEnd ? false : try reader.bool()
  }
}
