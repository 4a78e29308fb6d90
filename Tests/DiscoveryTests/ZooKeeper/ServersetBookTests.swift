import TestSupport
import Testing

@testable import Discovery

@Suite struct ServersetNameTests {
  private typealias Candidate = ServersetName.Candidate

  @Test func theLongestFrontComesFirst() {
    #expect(
      ServersetName(path("/shop/web:http/v2")).candidates == [
        Candidate(node: "/shop/web:http/v2", endpoint: nil, shard: nil, taken: 3),
        Candidate(node: "/shop/web", endpoint: "http", shard: nil, taken: 2),
        Candidate(node: "/shop", endpoint: nil, shard: nil, taken: 1),
      ])
  }

  @Test(
    arguments: [
      ("/web", "/web", nil, nil), ("/web:http", "/web", "http", nil), ("/web#3", "/web", nil, 3),
      ("/web:http#3", "/web", "http", 3), ("/web:a:b", "/web", "a:b", nil), ("/:x", "/:x", nil, nil), ("/web:", "/web:", nil, nil),
      ("/#3", "/#3", nil, nil), ("/web#x", "/web#x", nil, nil), (#"/\xc3\xa9\x20\x2a"#, "/é *", nil, nil),
    ] as [(String, String, String?, Int64?)])
  func readsEndpointAndShard(name: String, node: String, endpoint: String?, shard: Int64?) {
    #expect(
      ServersetName(path(name)).candidates == [Candidate(node: node, endpoint: endpoint, shard: shard, taken: 1)])
  }

  /// What no node can be called is left over, wherever it stands.
  @Test(arguments: [#"/web/\x2e\x2e"#, #"/web/."#, #"/web/a\x2fb"#, #"/web/\x00"#, #"/web/\xff"#, #"/web/\xee\x80\x80"#])
  func whatCanBeNoNodeIsLeftOver(name: String) {
    #expect(ServersetName(path(name)).candidates.map(\.node) == ["/web"])
    #expect(ServersetName(path(name).dropFirst()).candidates.isEmpty)
  }

  @Test func deepAndLongNamesAreBounded() {
    let deep = path(String(repeating: "/a", count: 100))
    #expect(ServersetName(deep).candidates.count == ServersetName.depthLimit)
    let long = path("/a/" + String(repeating: "b", count: ServersetName.byteLimit))
    #expect(ServersetName(long).candidates.map(\.node) == ["/a"])
  }
}

@Suite struct ServersetMemberTests {
  @Test func readsWhatAnnouncersWrite() throws {
    let more = #","additionalEndpoints":{"http":{"host":"h","port":81},"bad":{"port":1}},"shard":4,"metadata":{"zone":"a"}"#
    let read = try ServersetMember(bytes(member("10.0.0.1", 80, more: more)))
    #expect(read.isAlive && read.shard == 4 && read.weight == 1 && read.metadata == ["zone": "a"])
    #expect(read.place(nil) == .init(host: "10.0.0.1", port: 80) && read.place("http") == .init(host: "h", port: 81))
    #expect(read.place("bad") == nil && read.place("none") == nil && read.fault == "endpoint bad: no host")
    #expect(try ServersetMember(bytes(member("a", 1, more: #","metadata":{"weight":"0.5"}"#))).weight == 0.5)
    #expect(try ServersetMember(bytes(member("a", 1, more: #","metadata":{"weight":"-1"}"#))).fault != nil)
  }

  @Test(arguments: [
    "", "x", "[]", "{}", #"{"serviceEndpoint":{"host":"a"},"status":"ALIVE"}"#, #"{"serviceEndpoint":3}"#,
    #"{"serviceEndpoint":{"host":"a","port":0}}"#, #"{"serviceEndpoint":{"host":"","port":1}}"#,
    #"{"serviceEndpoint":{"host":"a","port":1},"status":3}"#, String(repeating: " ", count: ServersetMember.limit + 1),
  ])
  func refusesWhatIsNoMember(value: String) {
    #expect(throws: ObjectFault.self) { try ServersetMember(bytes(value)) }
  }

  @Test(arguments: [
    "x", #"{"vector":3}"#, #"{"vector":[{"select":"host=a"}]}"#, #"{"vector":[{"select":"shard=a"}]}"#,
    #"{"vector":[{"select":"shard=1","weight":-1}]}"#,
  ])
  func refusesWhatIsNoVector(value: String) {
    #expect(throws: ObjectFault.self) { try ServersetVector(bytes(value)) }
  }
}

@Suite struct ServersetOutcomeTests {
  private func outcome(_ name: String, _ values: [String: String], gone: [String] = []) -> ServersetOutcome? {
    var book = ServersetBook()
    let candidate = ServersetName(path(name)).candidates[0]
    _ = book.hold(candidate.node)
    book.take(.children(of: candidate.node), .children(values.keys + gone + ["other"]))
    for (name, value) in values { book.take(.data(of: "\(candidate.node)/\(name)"), .data(bytes(value))) }
    for name in gone { book.take(.data(of: "\(candidate.node)/\(name)"), .refused(.noNode)) }
    guard case .members(let members) = book.content(of: candidate.node) else { return nil }
    return candidate.outcome(
      members, address: { $0.first?.isNumber == true ? $0 : nil }, isAwaited: { $0 == "later" })
  }

  private func endpoints(_ name: String, _ values: [String: String]) -> [FoundEndpoint]? {
    guard case .finding(.bound(let bound)) = outcome(name, values) else { return nil }
    return bound.endpoints
  }

  private let http = #","additionalEndpoints":{"http":{"host":"1.0.0.1","port":81}},"shard":1"#

  @Test func onlyTheLivingCount() {
    let values = [
      "member_1": member("1.0.0.1", 80), "member_2": member("1.0.0.2", 80, status: "STARTING"),
      "member_3": member("1.0.0.3", 80, status: "DEAD"), "member_4": #"{"serviceEndpoint":{"host":"1.0.0.4","port":80}}"#,
    ]
    #expect(endpoints("/web", values)?.map(\.address) == ["1.0.0.1:80"])
    // A serverset whose members are all down is one all the same.
    #expect(endpoints("/web", ["member_2": values["member_2"] ?? ""]) == [])
  }

  @Test func endpointsAndShardsArePicked() {
    let values = ["member_1": member("1.0.0.1", 80, more: http), "member_2": member("1.0.0.2", 80, more: #","shard":2"#)]
    #expect(endpoints("/web:http", values)?.map(\.address) == ["1.0.0.1:81"])
    #expect(endpoints("/web#2", values)?.map(\.address) == ["1.0.0.2:80"])
    #expect(outcome("/web:http#2", values) == .absent("no member of /web in shard 2 has the endpoint http"))
    #expect(outcome("/web:grpc", values) == .absent("no member of /web has the endpoint grpc"))
    #expect(outcome("/web", [:]) == .absent("no member of /web"))
  }

  @Test func vectorsAndMetadataWeigh() {
    let values = [
      "member_1": member("1.0.0.1", 80, more: #","shard":1"#),
      "member_2": member("1.0.0.2", 80, more: #","metadata":{"weight":"4","zone":"b"}"#), "member_3": member("1.0.0.3", 80),
      "vector_1": #"{"vector":[{"select":"shard=1","weight":0.5},{"select":"member=member_2","weight":0.25}]}"#,
      "vector_2": #"{"vector":[{"select":"shard=1","weight":3},{"select":"inet=1.0.0.3:80","weight":0}]}"#,
    ]
    #expect(endpoints("/web", values)?.map(\.weight) == [1.5, 1, 0])
    #expect(endpoints("/web", values)?.map(\.zone) == ["", "b", ""])
  }

  @Test func garbageCostsItsOwnMember() {
    let values = ["member_1": member("1.0.0.1", 80), "member_2": "garbage"]
    #expect(endpoints("/web", values)?.map(\.address) == ["1.0.0.1:80"])
    guard case .finding(.failed(let reason)) = outcome("/web", ["member_2": "garbage"]) else {
      Issue.record("believed")
      return
    }
    #expect(reason.hasPrefix("no member of /web makes sense: member_2: "))
  }

  @Test func whoVanishedBeforeItWasReadIsNoFault() {
    #expect(outcome("/web", ["member_1": member("1.0.0.1", 80)], gone: ["member_2"]) == outcome("/web", ["member_1": member("1.0.0.1", 80)]))
    #expect(outcome("/web", [:], gone: ["member_2"]) == .absent("no member of /web"))
  }

  @Test func hostNamesAreWaitedFor() {
    #expect(outcome("/web", ["member_1": member("later", 80)]) == .awaited)
    #expect(outcome("/web", ["member_1": member("never", 80)]) == .finding(.failed("no host of /web has an address")))
    let both = ["member_1": member("never", 80), "member_2": member("1.0.0.2", 80)]
    #expect(endpoints("/web", both)?.map(\.address) == ["1.0.0.2:80"])
  }
}

@Suite struct ServersetBookTests {
  private func listed(_ names: [String] = ["member_1"]) -> ServersetBook {
    var book = ServersetBook()
    _ = book.hold("/web")
    book.take(.children(of: "/web"), .children(names))
    for name in names { book.take(.data(of: "/web/\(name)"), .data(bytes(member("1.0.0.1", 80)))) }
    _ = (book.takeRequests(), book.takeTouched())
    return book
  }

  @Test func nothingIsKnownBeforeEveryMemberIsRead() {
    var book = ServersetBook()
    _ = book.hold("/web")
    #expect(book.takeRequests() == [.children(of: "/web")] && book.content(of: "/web") == .unknown)
    book.take(.children(of: "/web"), .children(["member_2", "member_1", "x"]))
    #expect(book.takeRequests() == [.data(of: "/web/member_1"), .data(of: "/web/member_2")])
    book.take(.data(of: "/web/member_1"), .data(bytes(member("a", 1))))
    #expect(book.content(of: "/web") == .unknown && book.takeTouched().isEmpty)
    book.take(.data(of: "/web/member_2"), .refused(.noNode))
    #expect(book.takeTouched() == ["/web"])
    guard case .members(let members) = book.content(of: "/web") else {
      Issue.record("unknown")
      return
    }
    #expect(members.count == 2 && members["member_2"] == .gone)
  }

  @Test func whatFiresIsAskedAgain() {
    var book = listed()
    book.changed(ZooKeeperChange(.data, "/web/member_1"))
    #expect(book.takeRequests() == [.data(of: "/web/member_1")])
    // Known members serve while they are read again.
    #expect(book.content(of: "/web") != .unknown)
    book.changed(ZooKeeperChange(.data, "/web/member_1"))
    #expect(book.takeRequests().isEmpty)
    book.take(.data(of: "/web/member_1"), .data(bytes(member("a", 2))))
    #expect(book.takeRequests() == [.data(of: "/web/member_1")])
    book.changed(ZooKeeperChange(.children, "/web"))
    #expect(book.takeRequests() == [.children(of: "/web")])
    book.take(.children(of: "/web"), .children([]))
    #expect(book.content(of: "/web") == .members([:]) && book.memberCount == 0)
    book.changed(ZooKeeperChange(.data, "/web/member_1"))
    book.changed(ZooKeeperChange(.children, "/else"))
    #expect(book.takeRequests().isEmpty)
  }

  @Test func whatIsNotThereIsAwaited() {
    var book = ServersetBook()
    _ = book.hold("/web")
    _ = book.takeRequests()
    book.take(.children(of: "/web"), .refused(.noNode))
    #expect(book.takeRequests() == [.exists("/web")] && book.content(of: "/web") == .unknown)
    book.take(.exists("/web"), .refused(.noNode))
    #expect(book.takeRequests().isEmpty && book.content(of: "/web") == .absent)
    book.changed(ZooKeeperChange(.created, "/web"))
    #expect(book.takeRequests() == [.children(of: "/web")])
    book.take(.children(of: "/web"), .refused(.noNode))
    book.take(.exists("/web"), .present)
    #expect(book.takeRequests() == [.exists("/web"), .children(of: "/web")])
    book.take(.children(of: "/web"), .children([]))
    #expect(book.content(of: "/web") == .members([:]) && book.takeRequests().isEmpty)
    book.changed(ZooKeeperChange(.deleted, "/web"))
    #expect(book.takeRequests() == [.children(of: "/web")])
  }

  @Test func aNewSessionAsksEverything() {
    var book = listed()
    book.restart()
    #expect(Set(book.takeRequests()) == [.children(of: "/web"), .data(of: "/web/member_1")])
    #expect(book.content(of: "/web") == .unknown)
    book.take(.children(of: "/web"), .children(["member_1"]))
    #expect(book.content(of: "/web") == .unknown)
    book.take(.data(of: "/web/member_1"), .refused(.noNode))
    #expect(book.content(of: "/web") == .members(["member_1": .gone]) && book.takeTouched() == ["/web"])
  }

  @Test func refusalsAreAskedAgain() {
    var book = listed()
    book.changed(ZooKeeperChange(.children, "/web"))
    book.take(.children(of: "/web"), .refused(ZooKeeperError(code: -102)))
    #expect(book.content(of: "/web") == .refused("/web: ZooKeeper says NoAuth: our identity may not read it"))
    _ = book.takeRequests()
    #expect(book.hasRefusals)
    book.retry()
    #expect(book.takeRequests() == [.children(of: "/web")] && !book.hasRefusals)
    book.take(.children(of: "/web"), .children(["member_1"]))
    book.changed(ZooKeeperChange(.data, "/web/member_1"))
    book.take(.data(of: "/web/member_1"), .refused(.tooLarge))
    _ = book.takeRequests()
    book.retry()
    #expect(book.takeRequests() == [.data(of: "/web/member_1")])
    #expect(book.takeSkipped().map(\.path) == ["/web/member_1"])
  }

  @Test func whatNobodyHoldsIsForgotten() {
    var book = listed()
    _ = book.hold("/web")
    book.release("/web")
    #expect(book.takeForgotten().isEmpty)
    book.release("/web")
    #expect(Set(book.takeForgotten()) == ["/web", "/web/member_1"])
    #expect(book.nodeCount == 0 && book.memberCount == 0 && book.content(of: "/web") == .unknown)
    // What comes late has left a watch.
    book.take(.children(of: "/web"), .children(["member_1"]))
    book.take(.data(of: "/web/member_1"), .data([]))
    #expect(book.takeForgotten() == ["/web", "/web/member_1"])
  }
}
