import Dispatch
import Synchronization
import Testing

@testable import ControlPlane

struct WriterTests {
  private static let done = WriteAnswer(status: 200, location: nil, revision: 1, tag: "1", members: [], warnings: [])

  @Test func ordersThatWaitTogetherShareATransaction() async throws {
    let sizes = Mutex<[Int]>([])
    let gate = DispatchSemaphore(value: 0)
    let writer = Writer { jobs in
      if sizes.withLock({ $0.isEmpty }) { gate.wait() }
      sizes.withLock { $0.append(jobs.count) }
      for job in jobs { job.done(.success(Self.done)) }
    }
    let answered = Mutex(0)
    for _ in 0..<301 { writer.submit(.upkeep { _ in }) { _ in answered.withLock { $0 += 1 } } }
    gate.signal()
    await writer.flush()
    // However many the first took before it was stopped, the rest went in lots as large as allowed.
    let seen = sizes.withLock { $0 }
    #expect(seen.reduce(0, +) == 302 && answered.withLock { $0 } == 301)
    #expect(seen.count <= 4 && seen.max() ?? 0 <= Writer.mostTogether)
  }

  @Test func queueIsBounded() async throws {
    let gate = DispatchSemaphore(value: 0)
    let writer = Writer { jobs in
      gate.wait()
      for job in jobs { job.done(.success(Self.done)) }
    }
    let refused = Mutex(0)
    let total = Writer.mostWaiting + Writer.mostTogether + 1
    for _ in 0..<total {
      writer.submit(.upkeep { _ in }) { result in
        if case .failure(let problem) = result, problem.status == 503 { refused.withLock { $0 += 1 } }
      }
    }
    #expect(refused.withLock { $0 } >= 1)
    for _ in 0..<total { gate.signal() }
    await writer.flush()
  }

  @Test func refusedOrderLeavesItsNeighboursAlone() async throws {
    let plane = try Plane()
    await withTaskGroup(of: Int.self) { group in
      for i in 0..<40 {
        group.addTask {
          i % 2 == 0
            ? await plane.rule("/p\(i)", "/x").status
            : await plane.at("PUT", "/rules/r-9999", ["prefix": "/a", "destination": "/b"]).status
        }
      }
      for await status in group { #expect([201, 404].contains(status)) }
    }
    #expect(await plane.revision() == 21)
    #expect(try await plane.reopened().controller.state("default")?.rules.count == 20)
  }
}
