import Memory
import TestSupport
import Testing

@Suite struct CursorTests {
  @Test func numbersAndRunsAreReadInOrder() {
    let input: [UInt8] = [1, 0, 2, 0, 0, 0, 3, 9, 9, 9, 7]
    var cursor = ByteCursor()
    #expect(cursor.byte(input.span) == 1)
    #expect(cursor.number(2, input.span) == 2)
    #expect(cursor.counted(4, input.span) == 7..<10)
    #expect(cursor.remaining(in: input.span) == 1)
    #expect(cursor.run(2, input.span) == nil)
    #expect(cursor.run(-1, input.span) == nil)
    #expect(cursor.number(8, input.span) == nil)
    #expect(cursor.run(1, input.span) == 10..<11)
    #expect(cursor.byte(input.span) == nil)
  }

  @Test func aLengthTellsWhereItsMessageEnds() {
    let whole: [UInt8] = [0, 0, 0, 2, 8, 8]
    forEveryPrefix(of: whole) { prefix in #expect(LengthPrefix(prefix.span, limit: 2) == .needMore) }
    #expect(LengthPrefix(whole.span, limit: 2) == .whole(end: 6))
    let more = whole + [1, 2, 3, 4, 5]
    #expect(LengthPrefix(more.span, limit: 2) == .whole(end: 6))
    #expect(LengthPrefix(whole.span, limit: 1) == .tooLong(2))
    let empty: [UInt8] = [0, 0, 0, 0]
    #expect(LengthPrefix(empty.span, limit: 0) == .whole(end: 4))
    let huge: [UInt8] = [0xff, 0xff, 0xff, 0xff]
    #expect(LengthPrefix(huge.span, limit: 100) == .tooLong(0xffff_ffff))
  }

  @Test func numbersAreWrittenHighestFirst() {
    var buffer = ByteBuffer()
    buffer.append(bigEndian: 0x0102_0304, width: 3)
    let run: [UInt8] = [5, 6]
    buffer.append(counted: run.span, width: 2)
    let long = [UInt8](repeating: 1, count: 300)
    buffer.append(counted: long.span, width: 1)
    let span = buffer.span
    #expect((0..<8).map { span[$0] } == [2, 3, 4, 0, 2, 5, 6, 255])
    #expect(buffer.count == 8 + 255)
  }
}
