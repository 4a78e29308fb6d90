import Foundation
import Testing

@testable import Discovery

@Suite struct KubernetesScaleTests {
  /// A thousand names with a hundred endpoints each; a change of one is told of that one alone.
  @Test func aChangeIsToldOfItsOwnNameOnly() async throws {
    let cluster = try FakeKubernetes()
    for number in 0..<1000 {
      cluster.put(FakeKubernetes.services, FakeKubernetes.service("s\(number)"))
      let addresses = (0..<100).map { "10.\(number / 250).\(number % 250).\($0 + 1)" }
      cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("s\(number)-x", of: "s\(number)", addresses))
    }
    let before = resident()
    let discovering = try Discovering("kind: io.l5d.k8s\nurl: \(cluster.server.url)")
    for number in 0..<1000 { discovering.service.want(path("/#/io.l5d.k8s/prod/http/s\(number)")) }
    let told = discovering.told
    #expect(await eventually { Set(told.all.filter { $0.endpoints.count == 100 }.map(\.name)).count == 1000 })
    // With the fake server's answers of a moment in it: more than names cost in a controller.
    #expect(resident() - before < 250)
    #expect(await eventually { cluster.watchCount == 2 })
    let count = told.all.count
    cluster.put(FakeKubernetes.slices, FakeKubernetes.slice("s500-x", of: "s500", ["10.9.9.9"]))
    #expect(await discovering.sees("/#/io.l5d.k8s/prod/http/s500", bound: ["10.9.9.9:8080"]))
    #expect(told.all.count == count + 1)
  }
}

/// Memory of this process that is in use, in MiB.
private func resident() -> Int {
  let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
  return (Int(text.split(separator: " ").dropFirst().first ?? "") ?? 0) / 256
}
