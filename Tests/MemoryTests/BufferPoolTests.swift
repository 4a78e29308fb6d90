import Memory
import Testing

@Suite struct BufferPoolTests {
  @Test func lendsAndTakesBack() {
    var pool = BufferPool(chunk: 1000, keep: 2)
    var buffer = ByteBuffer()
    pool.lend(&buffer)
    check(buffer.capacity == 1000 && pool.count == 0)
    pool.lend(&buffer)
    check(buffer.capacity == 1000)
    pool.reclaim(&buffer)
    check(!buffer.hasStorage && pool.count == 1)
    pool.lend(&buffer)
    check(buffer.capacity == 1000 && pool.count == 0)
    buffer.append([1, 2, 3])
    let content = bytes(buffer.span)
    check(content == [1, 2, 3])
  }

  @Test func leavesABufferWithBytesAlone() {
    var pool = BufferPool(chunk: 1000)
    var buffer = ByteBuffer()
    pool.lend(&buffer)
    buffer.append(1)
    pool.reclaim(&buffer)
    check(buffer.count == 1 && pool.count == 0)
  }

  @Test func freesWhatHasGrown() {
    var pool = BufferPool(chunk: 1000)
    var buffer = ByteBuffer()
    pool.lend(&buffer)
    buffer.reserve(5000)
    pool.reclaim(&buffer)
    check(!buffer.hasStorage && pool.count == 0)
  }

  @Test func keepsNoMoreThanItsLimit() {
    var pool = BufferPool(chunk: 100, keep: 2)
    var a = ByteBuffer(capacity: 100)
    var b = ByteBuffer(capacity: 100)
    var c = ByteBuffer(capacity: 100)
    pool.reclaim(&a)
    pool.reclaim(&b)
    pool.reclaim(&c)
    check(pool.count == 2 && !c.hasStorage)
  }
}
