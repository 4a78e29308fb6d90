import Serving
import SystemIO
import Testing

@Suite struct DescriptorWatchTests {
  /// A waker is a descriptor whose readiness the test decides.
  @Test func readinessIsToldUntilTheWatchEnds() throws {
    let waker = try Waker()
    let seen = Collected<Int>()
    let (executor, watch) = try ServiceLoop.start(name: "loop") { loop in
      let holder = Holder()
      holder.watch = try loop.watch(waker.descriptor, [.read, .edgeTriggered]) { readiness in
        if readiness.contains(.readable) { seen.add(1) }
      }
      return loop.confine(holder)
    }
    waker.wake()
    #expect(seen.wait { $0.count == 1 } == [1])
    waker.wake()
    #expect(seen.wait { $0.count == 2 } == [1, 1])
    watch.execute { $0.watch?.end() }
    watch.execute { $0.watch?.end() }
    watch.execute { _ in waker.wake() }
    // Two turns later the wake would have been told.
    watch.execute { _ in executor.execute { executor.execute { seen.add(9) } } }
    #expect(seen.wait { $0.contains(9) } == [1, 1, 9])
    executor.stop()
  }

  @Test func aBadDescriptorIsRefused() {
    #expect(throws: SystemError.self) {
      _ = try ServiceLoop.start(name: "loop") { loop in
        _ = try loop.watch(-1, .read) { _ in }
        return 0
      }
    }
  }

  private final class Holder {
    var watch: DescriptorWatch?
  }
}
