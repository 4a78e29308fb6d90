import Testing

@testable import HTTP2

@Suite struct ClosedStreamsTests {
  @Test func remembersTheLatest() {
    var closed = ClosedStreams()
    let count = Int32(ClosedStreams.limit) * 2 + 5
    for id in 1...count { closed.append(id, id % 2 == 0 ? .resetByUs : .complete) }
    for id in count - Int32(ClosedStreams.limit) + 1...count { #expect(closed.find(id) == (id % 2 == 0 ? .resetByUs : .complete)) }
    #expect(closed.find(count - Int32(ClosedStreams.limit)) == .forgotten)
    #expect(closed.find(count + 1) == nil)
  }
}
