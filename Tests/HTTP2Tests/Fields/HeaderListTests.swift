import HTTP2
import Memory
import Testing

@Suite struct HeaderListTests {
  @Test func keepsOrderAndFindsWithoutCase() {
    var list: HeaderList = ["Content-Type": "text/plain", "Set-Cookie": "a", "set-cookie": "b", "empty": ""]
    #expect(list.count == 4)
    #expect(list["content-type"] == "text/plain")
    #expect(list["CONTENT-TYPE"] == "text/plain")
    #expect(list.values("Set-Cookie") == ["a", "b"])
    #expect(list["empty"] == "")
    #expect(list["content"] == nil)
    #expect(list.name(at: 0) == "content-type")
    list.append("x", "ü")
    #expect(list["x"] == "ü")
    #expect(list.size == list.fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 })
  }

  @Test func chunksComeOutInOrderWhateverTheSizes() {
    var queue = ChunkQueue()
    let chunks = (0..<200).map { index in [UInt8](repeating: UInt8(index), count: index % 7) }
    for chunk in chunks { queue.append(chunk) }
    let all = chunks.flatMap { $0 }
    #expect(queue.count == all.count)
    var buffer = ByteBuffer()
    var step = 1
    while !queue.isEmpty {
      queue.move(min(step, queue.count), to: &buffer)
      step = step % 11 + 1
    }
    #expect(buffer.count == all.count)
    for index in 0..<all.count where buffer.span[index] != all[index] { Issue.record("byte \(index)"); break }
  }
}
