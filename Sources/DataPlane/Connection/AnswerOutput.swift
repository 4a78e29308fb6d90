import HTTP
import Memory
import SystemIO
import Telemetry

extension ProxyCore {
  /// Gives the kernel what it takes of the answer. Returns false when the connection is gone.
  mutating func flushDownstream(_ h: Handle) -> Bool {
    if downstreams[h].link.isStream {
      passAnswer(h)
      return true
    }
    switch downstreams[h].flush() {
    case .bytes(let n):
      facts.recordBytes(downstreams[h].origin.direction, received: 0, sent: n)
    case .wouldBlock:
      break
    case .endOfFile, .failed:
      closeDownstream(h)
      return false
    }
    shutWhenFlushed(h)
    return true
  }

  /// The last byte of an answer is in the output: on to the next request, or to the end of the connection.
  mutating func answerComplete(_ h: Handle) {
    guard flushDownstream(h) else { return }
    if downstreams[h].link.isStream {
      streamAnswered(h)
    } else if downstreams[h].closesAfterAnswer || !downstreams[h].requestBody.isDone {
      beginClosing(h)
    } else {
      downstreams[h].phase = .idle
      // This answer promised that the connection stays: the caller may have sent its next request already.
      setDeadline(h, in: isDraining ? min(Self.drainLinger, times.connectionIdle) : times.connectionIdle)
    }
  }

  /// Nothing follows what is in the output. A slow reader has the header time to take it; then the connection lingers.
  mutating func beginClosing(_ h: Handle) {
    downstreams[h].phase = .closing(left: limits.lingerBytes)
    setDeadline(h, in: times.headTime)
    shutWhenFlushed(h)
  }

  /// Ends our side once the last byte is with the kernel. The caller has the linger time to end its own.
  private mutating func shutWhenFlushed(_ h: Handle) {
    guard case .closing = downstreams[h].phase, downstreams[h].output.isEmpty, !downstreams[h].link.hasUnsent,
      !downstreams[h].isShut
    else { return }
    downstreams[h].isShut = true
    downstreams[h].link.shutdownWrite()
    setDeadline(h, in: times.linger)
  }

  /// Reads and drops what a caller still sends to a connection that we are closing. Returns whether to look again.
  mutating func dropInput(_ h: Handle) -> Bool {
    guard case .closing(let left) = downstreams[h].phase else { return false }
    downstreams[h].input.removeAll()
    guard downstreams[h].mayRead else {
      rest(h)
      return false
    }
    buffers.lend(&downstreams[h].input)
    switch downstreams[h].receive(atMost: max(4096, downstreams[h].input.writableCount)) {
    case .bytes(let n):
      facts.recordBytes(downstreams[h].origin.direction, received: n, sent: 0)
      downstreams[h].phase = .closing(left: left - n)
      if left < n { closeDownstream(h) }
      return left >= n
    case .wouldBlock:
      rest(h)
      return false
    case .endOfFile where !downstreams[h].isShut:
      return false  // it says no more, and may still be reading
    case .endOfFile, .failed:
      closeDownstream(h)
      return false
    }
  }
}
