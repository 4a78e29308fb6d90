import JSONFormat
import MeshProtocol
import TestSupport
import Testing

@testable import ControlPlane

struct ShiftTests {
  private func split(_ weights: [(String, UInt32)]) throws -> Split {
    let backends = try weights.map {
      Split.Backend(name: $0, destination: try NameTree<Path>(parsing: "/#/registry/\($0)"), weight: $1)
    }
    return Split(prefix: try Prefix(parsing: "/svc/users"), backends: backends, onUnbound: nil)
  }

  private func shifted(_ split: Split, _ body: String) throws -> ([UInt32], [String]) {
    var findings = Findings()
    guard let wanted = Shift.read(try JSONParser.parse(Array(body.utf8)), &findings), findings.isEmpty else {
      return ([], findings.faults.map(\.pointer.description))
    }
    let next = wanted.shift.applied(to: split, &findings)
    if !wanted.allowZero { next.checkWeights(at: .root, &findings) }
    return (findings.isEmpty ? next.backends.map(\.weight) : [], findings.faults.map(\.pointer.description))
  }

  @Test func weightsAreTakenAsWritten() throws {
    let base = try split([("v1", 90), ("v2", 10)])
    #expect(try shifted(base, #"{"weights":{"v2":7}}"#).0 == [90, 7])
    #expect(try shifted(base, #"{"weights":{"v1":1000000,"v2":999999}}"#).0 == [1_000_000, 999_999])
    #expect(try shifted(base, #"{"weights":{"v1":0,"v2":0}}"#).1 == [""])
    #expect(try shifted(base, #"{"weights":{"v1":0,"v2":0},"allow_zero":true}"#).0 == [0, 0])
  }

  @Test func percentIsExactAndTheRestKeepsItsProportions() throws {
    let base = try split([("v1", 90), ("v2", 10)])
    #expect(try shifted(base, #"{"percent":{"v2":50}}"#).0 == [50, 50])
    #expect(try shifted(base, #"{"percent":{"v2":10}}"#).0 == [90, 10])
    #expect(try shifted(base, #"{"percent":{"v2":0.1}}"#).0 == [999, 1])
    #expect(try shifted(base, #"{"percent":{"v2":100}}"#).0 == [0, 100])
    #expect(try shifted(base, #"{"percent":{"v2":0}}"#).0 == [100, 0])
    let three = try split([("a", 2), ("b", 1), ("c", 5)])
    #expect(try shifted(three, #"{"percent":{"c":10}}"#).0 == [60, 30, 10])
  }

  @Test func percentIsExactForAnyProportions() throws {
    var random = SeededRandom(seed: 5)
    for _ in 0..<2000 {
      let weights = (0..<4).map { _ in UInt32(1 + random.below(1_000_000)) }
      let base = try split([("a", weights[0]), ("b", weights[1]), ("c", weights[2]), ("d", weights[3])])
      let units = UInt64(random.below(1_000_000))  // ten-thousandths of a percent
      let percent = Double(units) / 10_000
      let (after, faults) = try shifted(base, #"{"percent":{"d":\#(percent)}}"#)
      try #require(faults.isEmpty)
      let sum = after.reduce(UInt64(0)) { $0 + UInt64($1) }
      #expect(UInt64(after[3]) * 1_000_000 == units * sum, "\(percent) of \(weights) became \(after)")
      #expect(after.allSatisfy { $0 <= 1_000_000 })
      let others = Double(weights[0] + weights[1] + weights[2])
      for i in 0..<3 {
        let wanted = Double(weights[i]) / others * (1 - percent / 100)
        #expect(abs(Double(after[i]) / Double(sum) - wanted) <= 1.1e-6)
      }
    }
  }

  @Test func namesWhatIsImpossible() throws {
    let base = try split([("v1", 90), ("v2", 10)])
    #expect(try shifted(base, #"{"weights":{"v3":1}}"#).1 == ["/weights/v3"])
    #expect(try shifted(base, #"{"weights":{"v1":-1}}"#).1 == ["/weights/v1"])
    #expect(try shifted(base, #"{"weights":{"v1":1000001}}"#).1 == ["/weights/v1"])
    #expect(try shifted(base, #"{"weights":{"v1":1.5}}"#).1 == ["/weights/v1"])
    #expect(try shifted(base, #"{"weights":{"v1":9223372036854775808}}"#).1 == ["/weights/v1"])
    #expect(try shifted(base, #"{"percent":{"v1":101}}"#).1 == ["/percent/v1"])
    #expect(try shifted(base, #"{"percent":{"v1":0.00001}}"#).1 == ["/percent/v1"])
    #expect(try shifted(base, #"{"percent":{"v1":60,"v2":60}}"#).1 == ["/percent"])
    #expect(try shifted(base, #"{"percent":{"v1":60,"v2":30}}"#).1 == ["/percent"])
    #expect(try shifted(try split([("v1", 0), ("v2", 10)]), #"{"percent":{"v2":60}}"#).1 == ["/percent"])
    #expect(try shifted(base, #"{"weights":{},"percent":{}}"#).1 == [""])
    #expect(try shifted(base, #"{}"#).1 == [""])
  }
}
