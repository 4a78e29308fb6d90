import HTTP
import Memory
import SystemIO
import Telemetry

extension ProxyCore {
  /// Gives the kernel what it takes of the answer. Returns false when the connection is gone.
  mutating func flushDownstream(_ h: Handle) -> Bool {
    switch downstreams[h].flush() {
    case .bytes(let n):
      facts.recordBytes(.outbound, received: 0, sent: n)
    case .wouldBlock:
      break
    case .endOfFile, .failed:
      closeDownstream(h)
      return false
    }
    if downstreams[h].phase == .closing, downstreams[h].output.isEmpty {
      closeDownstream(h)
      return false
    }
    return true
  }

  /// The last byte of an answer is in the output: on to the next request, or to the end of the connection.
  mutating func answerComplete(_ h: Handle) {
    guard flushDownstream(h) else { return }
    let bodyLeft = !downstreams[h].requestBody.isDone
    if downstreams[h].closesAfterAnswer || bodyLeft {
      downstreams[h].phase = bodyLeft ? .draining(limits.drainBody) : .closing
      setDeadline(h, in: times.headTime)
    } else {
      downstreams[h].phase = .idle
      // This answer promised that the connection stays: the caller may have sent its next request already.
      setDeadline(h, in: isDraining ? min(Self.drainLinger, times.connectionIdle) : times.connectionIdle)
    }
  }

  /// Closes a connection that only waited for its output to leave.
  mutating func closeWhenFlushed(_ h: Handle) {
    if downstreams[h].output.isEmpty { closeDownstream(h) }
  }
}
