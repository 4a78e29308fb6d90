extension ZooKeeperSession {
  struct Setup {
    /// How many there are; they are told by index.
    var servers: Int
    /// Asked for; the server decides.
    var timeout: Duration
    /// `user:password`
    var digest: String?
  }

  enum Event: Equatable {
    /// A session stands and everything that was to be told of the time before has been told. New: no watch is set.
    case established(isNew: Bool)
    /// A connection failed, the how many-th since one stood.
    case failed(String, inARow: Int)
    case answered(ZooKeeperRequest, ZooKeeperAnswer)
    case changed(ZooKeeperChange)
  }

  enum Action: Equatable {
    /// Connect to this server, then call `connected` or `disconnected`.
    case connect(server: Int)
    case send([UInt8])
    /// Close the connection; `disconnected` is not awaited.
    case disconnect
    case tell(Event)
  }
}
