import TestSupport

extension RawConnection {
  /// The frames that come, until `isEnough` of them did or the other side closes.
  func frames(until isEnough: ([ReceivedFrame]) -> Bool) throws -> [ReceivedFrame] {
    var bytes: [UInt8] = []
    while true {
      let frames = ReceivedFrame.all(in: bytes)
      if isEnough(frames) { return frames }
      let more = try receive()
      if more.isEmpty { return frames }
      bytes += more
    }
  }
}
