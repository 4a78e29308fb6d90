import Memory
import TestSupport
import Testing

@Suite struct ByteBufferTests {
  @Test func ownsNothingUntilWrittenTo() {
    var buffer = ByteBuffer()
    check(!buffer.hasStorage && buffer.capacity == 0 && buffer.isEmpty)
    let empty = bytes(buffer.span)
    check(empty.isEmpty)
    buffer.removeFirst(0)
    buffer.append([])
    buffer.append("" as StaticString)
    check(!buffer.hasStorage)
    buffer.append(1)
    check(buffer.hasStorage && buffer.count == 1)
    buffer.release()
    check(!buffer.hasStorage && buffer.isEmpty)
  }

  @Test func appendsEveryKindOfText() {
    var buffer = ByteBuffer()
    buffer.append("literal " as StaticString)
    buffer.append(String("ström "))
    buffer.append(bytes("array "))
    buffer.append(UInt8(ascii: "x"))
    check(buffer.text == "literal ström array x")
  }

  @Test func appendsRunsOfEveryLength() {
    for length in 0..<100 {
      let run = (0..<length).map { UInt8($0 + 65) }
      var buffer = ByteBuffer()
      buffer.append(UInt8(ascii: "<"))
      buffer.append(run)
      buffer.append(UInt8(ascii: ">"))
      buffer.append(lowercasing: run.span)
      let expected = bytes("<") + run + bytes(">") + run.map { lowercased($0) }
      check(bytes(buffer.span) == expected, "\(length)")
    }
  }

  @Test func appendsTheLowBytesOfAWord() {
    for count in 0...8 {
      var buffer = ByteBuffer()
      buffer.append(word: 0x0807_0605_0403_0201, count: count)
      buffer.append(UInt8(0xff))
      check(bytes(buffer.span) == (0..<count).map { UInt8($0 + 1) } + [0xff])
      var number = ByteBuffer()
      if count > 0 { number.append(bigEndian: 0x0102_0304_0506_0708, width: count) }
      check(bytes(number.span) == (0..<count).map { UInt8(9 - count + $0) })
    }
  }

  @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, Int.max, -1, -10, Int.min])
  func writesNumbersAsSwiftDoes(number: Int) {
    var buffer = ByteBuffer()
    buffer.append(decimal: number)
    check(buffer.text == String(number))
    buffer.removeAll()
    buffer.append(hex: number)
    check(buffer.text == String(UInt(bitPattern: number), radix: 16))
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func behavesLikeAnArrayWhateverIsDone(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var buffer = ByteBuffer()
    var model: [UInt8] = []
    for step in 0..<2000 {
      switch random.below(8) {
      case 0...2:
        let added = (0..<random.below(random.below(10) == 0 ? 3000 : 40)).map { UInt8(truncatingIfNeeded: $0 &+ step) }
        buffer.append(added)
        model += added
      case 3, 4:
        let n = random.below(model.count + 1)
        buffer.removeFirst(n)
        model.removeFirst(n)
      case 5:
        let n = random.below(min(model.count, 50) + 1)
        buffer.removeLast(n)
        model.removeLast(n)
      case 6:
        let n = random.below(500)
        buffer.reserve(n)
        check(buffer.writableCount >= n)
      default:
        guard !model.isEmpty else { continue }
        let at = random.below(model.count)
        buffer.overwrite(at: at, with: 0xee)
        model[at] = 0xee
      }
      let now = bytes(buffer.span)
      check(now == model, "seed \(seed), step \(step)")
      check(buffer.count == model.count && buffer.count + buffer.writableCount <= buffer.capacity)
    }
  }

  @Test func aStreamThroughABacklogDoesNotGrow() {
    var buffer = ByteBuffer(capacity: 4096)
    buffer.append([UInt8](repeating: 0, count: 1000))
    for _ in 0..<10_000 {
      buffer.append([UInt8](repeating: 1, count: 700))
      buffer.removeFirst(700)
    }
    check(buffer.capacity == 4096 && buffer.count == 1000)
  }

  @Test func movingIsPaidForByBytesTaken() {
    // Far more waits than was taken: room is made by growing, else every small append would move it all.
    var buffer = ByteBuffer(capacity: 1000)
    buffer.append([UInt8](repeating: 7, count: 1000))
    buffer.removeFirst(10)
    buffer.append(1)
    check(buffer.capacity == 2000 && buffer.count == 991)
  }

  @Test func emptyingGivesAllRoomBack() {
    var buffer = ByteBuffer(capacity: 100)
    buffer.append([UInt8](repeating: 7, count: 100))
    buffer.removeFirst(100)
    check(buffer.writableCount == 100)
    buffer.append(1)
    buffer.removeAll()
    check(buffer.writableCount == 100 && buffer.hasStorage)
  }

  @Test func takingMoreThanThereIsTraps() async {
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer()
      buffer.append([1, 2])
      buffer.removeFirst(3)
    }
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer()
      buffer.append([1, 2])
      buffer.overwrite(at: 2, with: 0)
    }
  }
}
