import TestSupport
import Testing

@testable import HTTP

@Suite struct FieldNameTests {
  @Test func everySpellingIsFoundInAnyCase() {
    for (name, spelling) in FieldName.spellings {
      #expect(FieldName(bytes(spelling).span) == name, "\(spelling)")
      #expect(FieldName(bytes(spelling.uppercased()).span) == name, "\(spelling)")
    }
  }

  @Test func everyNameIsFoundInAHead() {
    for (name, spelling) in FieldName.spellings
    where ![.host, .contentLength, .transferEncoding, .expect].contains(name) {
      for head in [get("\(spelling): 1"), get("\(spelling.uppercased()):")] {
        #expect(head.fields.last?.known == name, "\(spelling)")
      }
    }
  }

  @Test func everyNameHasASpellingOrAFamily() {
    let spelled = Set(FieldName.spellings.map(\.0))
    let families: Set<FieldName> = [.other, .l5d, .l5dCtx, .heddle, .xB3, .xForwardedOther]
    #expect(spelled.union(families) == Set(FieldName.allCases) && spelled.isDisjoint(with: families))
    #expect(FieldName.allCases.count <= 64, "one bit each in a table's word")
    #expect(FieldName.spellings.allSatisfy { $0.1.utf8.count <= 24 }, "three words decide equality up to 24 bytes")
  }

  @Test func oneByteMoreOrLessOrOtherIsAnotherName() {
    for (_, spelling) in FieldName.spellings {
      let whole = bytes(spelling)
      for i in whole.indices {
        var other = whole
        other[i] = other[i] == UInt8(ascii: "q") ? UInt8(ascii: "j") : UInt8(ascii: "q")
        let found = FieldName(other.span)
        #expect(found == .other || isFamily(found), "\(text(other))")
      }
      for other in [whole + [0x71], [0x71] + whole, Array(whole.dropLast()), Array(whole.dropFirst())] {
        let found = FieldName(other.span)
        #expect(found == .other || isFamily(found), "\(text(other))")
      }
    }
  }

  private func isFamily(_ name: FieldName) -> Bool { [.l5d, .l5dCtx, .heddle, .xB3, .xForwardedOther].contains(name) }

  @Test func families() {
    func name(_ text: String) -> FieldName { FieldName(bytes(text).span) }
    #expect(name("l5d-x") == .l5d && name("L5D-something-much-longer-than-three-words") == .l5d)
    #expect(name("l5d-ctx-foo") == .l5dCtx && name("l5d-") == .other && name("l5d") == .other)
    #expect(name("Heddle-x") == .heddle && name("heddle-") == .other && name("heddler-x") == .other)
    #expect(name("x-b3-traceid") == .xB3 && name("X-B3-ParentSpanId") == .xB3)
    #expect(
      name("x-forwarded-port") == .xForwardedOther && name("x-forwarded-client-cert-and-more") == .xForwardedOther)
    #expect(name("x-forwardly-known-names") == .other)
    // Short ones hold what follows elsewhere.
    for other in ["x-forward", "x-forwarder", "x-forwarding", "x-forwardly-1", "x-forwardly-four"] {
      #expect(name(other) == .other, "\(other)")
    }
    for family in ["x-forwarded", "x-forwarded-", "X-Forwarded-A", "x-forwarded-path", "x-forwarded-client-cert"] {
      #expect(name(family) == .xForwardedOther, "\(family)")
    }
    #expect(FieldName.allCases.filter(\.isL5d).count == 16 && FieldName.allCases.filter(\.isHeddle).count == 3)
  }

  @Test func forwardingNames() {
    let forwarding: Set<FieldName> = [
      .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedOther, .xRealIP,
    ]
    #expect(Set(FieldName.allCases.filter(\.isForwarding)) == forwarding)
  }

  @Test func hopByHopAndSecurityRelevantNames() {
    let hop: Set<FieldName> = [
      .connection, .keepAlive, .proxyConnection, .proxyAuthenticate, .proxyAuthorization, .te, .upgrade, .http2Settings,
      .transferEncoding,
    ]
    #expect(Set(FieldName.allCases.filter(\.isHopByHop)) == hop)
    for name in [FieldName.host, .contentLength, .authorization, .xForwardedFor, .l5dDtab, .l5d, .heddle, .dtabLocal] {
      #expect(name.isSecurityRelevant && !name.isAllowedInTrailers)
    }
    for name in [FieldName.other, .grpcStatus, .grpcMessage, .date, .server] { #expect(name.isAllowedInTrailers) }
  }
}
