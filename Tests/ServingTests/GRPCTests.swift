import HTTP
import HTTP2
import Memory
import Serving
import Synchronization
import SystemIO
import TestSupport
import Testing

@Suite struct GRPCTests {
  @Test func messagesGoBothWaysAndTheStatusComes() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      let call = client.open(path: "/test/Echo", headers: ["x-node": "a"])
      #expect(client.send(stream: call, framed: grpcFrame(Array("one".utf8))))
      #expect(client.send(stream: call, framed: grpcFrame([])))
      #expect(client.send(stream: call, framed: grpcFrame(Array("two".utf8))))
      client.halfClose(call)
      #expect(!client.send(stream: call, framed: grpcFrame([1])))
    }
    let seen = caller.events.wait { $0.contains { $0.hasPrefix("closed") } }
    #expect(seen == ["connected", "received one", "received ", "received two", "closed ok bye"])
    #expect(
      mesh.events.wait { $0.contains("closed") } == [
        "opened /test/Echo a", "received one", "received ", "received two", "half-closed", "closed",
      ])
  }

  /// 1 MiB, the largest message, both ways and several at once: the windows are smaller.
  @Test func messagesOfAMegabytePass() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    let message = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 10) }
    caller.client.execute { client in
      client.connect(to: mesh.address)
      for _ in 0..<3 {
        let call = client.open(path: "/test/Echo")
        for _ in 0..<2 { #expect(client.send(stream: call, framed: grpcFrame(message))) }
        client.halfClose(call)
      }
    }
    caller.events.wait { $0.filter { $0.hasPrefix("closed ok") }.count == 3 }
    #expect(caller.messages.all.count == 6)
    #expect(caller.messages.all.allSatisfy { $0 == message })
  }

  @Test func aMessageAboveTheLimitEndsTheCallAndNotTheConnection() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      let large = client.open(path: "/test/Echo")
      _ = client.send(stream: large, framed: grpcFrame([UInt8](repeating: 0, count: (1 << 20) + 1)))
    }
    #expect(caller.events.wait { $0.count == 2 }.last?.hasPrefix("closed resourceExhausted") == true)
    caller.client.execute { client in
      let call = client.open(path: "/test/Echo")
      _ = client.send(stream: call, framed: grpcFrame(Array("still here".utf8)))
    }
    #expect(caller.events.wait { $0.count == 3 }.last == "received still here")
    #expect(mesh.counters.connectionsAccepted.load(ordering: .relaxed) == 1)
  }

  @Test func aRefusedCallHasItsStatusAndNoClosedOnTheServer() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      _ = client.open(path: "/test/Unknown")
    }
    #expect(caller.events.wait { $0.count == 2 } == ["connected", "closed unimplemented no method /test/Unknown: 100%"])
    caller.client.execute { $0.close() }
    waitFor { mesh.counters.connectionsOpen.load(ordering: .relaxed) == 0 }
    #expect(mesh.events.all == ["opened /test/Unknown -"])
  }

  @Test func compressedMessagesAreUnimplemented() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      _ = client.send(stream: client.open(path: "/test/Echo"), framed: [1, 0, 0, 0, 1, 9])
    }
    #expect(caller.events.wait { $0.count == 2 }.last?.hasPrefix("closed unimplemented") == true)
  }

  /// One encoded message to many callers at once, in order, and a late one after a pause.
  @Test func oneMessageGoesToAllStreams() throws {
    let mesh = try RunningMesh()
    let callers = try (0..<50).map { _ in try RunningCaller() }
    for caller in callers {
      caller.client.execute { client in
        client.connect(to: mesh.address)
        _ = client.open(path: "/test/Watch")
      }
    }
    mesh.events.wait { $0.count == 50 }
    for round in 0..<20 {
      let framed = grpcFrame(Array("revision \(round)".utf8))
      mesh.server.execute { mesh in
        for call in mesh.open { #expect(mesh.server?.send(stream: call, framed: framed) == true) }
      }
    }
    for caller in callers {
      let seen = caller.events.wait { $0.count == 21 }
      #expect(seen == ["connected"] + (0..<20).map { "received revision \($0)" })
    }
  }

  /// More clients on one loop than a token's kind byte could tell apart.
  @Test func threeHundredClientsShareALoop() throws {
    let mesh = try RunningMesh()
    let events = Collected<String>()
    let messages = Collected<[UInt8]>()
    let (executor, _) = try ServiceLoop.start(name: "fleet") { loop in
      for _ in 0..<300 {
        let client = try GRPCClient(loop: loop, events: CallerEvents(events: events, messages: messages))
        client.connect(to: mesh.address)
        let call = client.open(path: "/test/Echo")
        #expect(client.send(stream: call, framed: grpcFrame(Array("hello".utf8))))
      }
      return 0
    }
    events.wait { $0.count == 600 }
    #expect(events.all.filter { $0 == "received hello" }.count == 300)
    #expect(mesh.counters.connectionsOpen.load(ordering: .relaxed) == 300)
    executor.stop()
    waitFor { mesh.counters.connectionsOpen.load(ordering: .relaxed) == 0 }
    #expect(mesh.counters.connectionsOpen.load(ordering: .relaxed) == 0)
  }

  @Test func aReaderThatTakesNothingIsBoundedAndCanBeDropped() throws {
    var limits = ServingLimits.mesh
    limits.streamQueueBytes = 500_000
    let mesh = try RunningMesh(limits)
    let reader = try HTTP2Client(to: mesh.address)
    reader.consumes = false
    let stream = reader.request("POST", "/test/Watch", headers: [("content-type", "application/grpc")], staysOpen: true)
    reader.run { reader.status[stream] == "200" }
    mesh.events.wait { $0.count == 1 }
    let results = Collected<(sent: Int, queued: Int)>()
    mesh.server.execute { mesh in
      let framed = grpcFrame([UInt8](repeating: 7, count: 9_995))
      var sent = 0
      guard mesh.open.count == 1 else { return results.add((-1, mesh.open.count)) }
      while sent < 10_000, mesh.server?.send(stream: mesh.open[0], framed: framed) == true { sent += 1 }
      results.add((sent, mesh.server?.queuedBytes(mesh.open[0]) ?? 0))
      mesh.server?.reset(mesh.open[0])
      #expect(mesh.server?.send(stream: mesh.open[0], framed: framed) == false)
    }
    let result = results.wait { $0.count == 1 }[0]
    #expect(result.sent == 50)
    #expect(result.queued == 500_000)
    reader.run { reader.closed[stream] != nil }
    #expect(reader.closed[stream] == .cancel)
    #expect(mesh.events.wait { $0.contains("closed") }.last == "closed")
  }

  @Test func losingTheServerIsToldOnceWithTheCallsFirst() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      _ = client.open(path: "/test/Watch")
    }
    mesh.events.wait { $0.count == 1 }
    caller.events.wait { $0 == ["connected"] }
    mesh.server.execute { $0.server?.close() }
    let seen = caller.events.wait { $0.count == 3 }
    #expect(seen.prefix(2) == ["connected", "closed -"])
    #expect(seen.last?.hasPrefix("disconnected \(mesh.address): ") == true)
  }

  @Test func drainEndsWithTheLastCall() throws {
    let mesh = try RunningMesh()
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: mesh.address)
      _ = client.open(path: "/test/Watch")
    }
    mesh.events.wait { $0.count == 1 }
    let drained = Collected<Bool>()
    mesh.server.execute { mesh in
      mesh.server?.drain { drained.add(true) }
      for call in mesh.open { mesh.server?.finish(call, status: GRPCStatus(.unavailable, "draining")) }
    }
    #expect(caller.events.wait { $0.count == 3 }[1] == "closed unavailable draining")
    #expect(drained.wait { $0.count == 1 } == [true])
  }

  // MARK: The wrong door

  @Test func theRestPortIsNoMeshPort() throws {
    let rest = try RunningServer(handler: DirectHandler { _ in HTTPResponse(status: 200) })
    let caller = try RunningCaller()
    caller.client.execute { client in
      client.connect(to: rest.address)
      _ = client.open(path: "/heddle.mesh.v1.Mesh/Sync")
    }
    let seen = caller.events.wait { $0.contains { $0.hasPrefix("failed") } }
    #expect(seen.contains("failed \(rest.address): is not a mesh port: it answers 415, application/problem+json (the REST port?)"))
    #expect(!seen.contains { $0.hasPrefix("disconnected") })
  }

  @Test func anHTTP1ServerIsNoMeshPort() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    let caller = try RunningCaller()
    caller.client.execute { $0.connect(to: address) }
    var accepted: Socket?
    waitFor {
      if case .connection(let socket, _) = listener.accept() { accepted = consume socket }
      return accepted != nil
    }
    let answer = Array("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".utf8)
    _ = accepted?.send(answer.span)
    #expect(caller.events.wait { $0.count == 1 } == ["failed \(address): is not a mesh port: it answers HTTP/1 (the REST port?)"])
  }

  @Test func nobodyThereIsAFailureThatSaysSo() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    _ = consume listener
    let caller = try RunningCaller()
    caller.client.execute { $0.connect(to: address) }
    #expect(caller.events.wait { $0.count == 1 } == ["failed \(address): Connection refused"])
  }

  @Test func aSilentPeerIsAFailureInTime() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    var limits = ServingLimits.mesh
    limits.headTimeout = .milliseconds(50)
    let caller = try RunningCaller(limits)
    caller.client.execute { $0.connect(to: address) }
    let seen = caller.events.wait { $0.count == 1 }
    #expect(seen == ["failed \(address): is not a mesh port: it accepts connections and says nothing"])
    _ = listener.descriptor
  }

  @Test func anHTTP1CallerOfTheMeshPortIsTold() throws {
    let mesh = try RunningMesh()
    let answer = try HTTPClient(address: mesh.address).send("GET", "/v1/namespaces")
    #expect(answer.status == 400)
    #expect(answer.text?.contains("mesh port") == true && answer.text?.contains("REST API") == true)
  }

  @Test func anHTTP2CallerWithoutGRPCIsTold() throws {
    let mesh = try RunningMesh()
    let client = try HTTP2Client(to: mesh.address)
    let stream = client.request("GET", "/v1/namespaces")
    client.run { client.closed[stream] != nil }
    #expect(client.status[stream] == "415")
  }

  /// One that never ends is read for a while, and answered then.
  @Test func anEndlessRequestWithoutGRPCIsToldToo() throws {
    let mesh = try RunningMesh()
    let client = try HTTP2Client(to: mesh.address)
    let stream = client.request("POST", "/v1/rules", body: [UInt8](repeating: 1, count: 60_000), staysOpen: true)
    let other = client.request("GET", "/v1/namespaces")
    client.run { client.closed[other] != nil }
    #expect(client.status[other] == "415" && client.status[stream] == nil)
    client.session.send(stream, [UInt8](repeating: 1, count: 10_000))
    client.run { client.status[stream] != nil }
    #expect(client.status[stream] == "415")
  }

  /// What is no HTTP at all is told so in HTTP/2, which is spoken there.
  @Test func bytesThatAreNoHTTPGetAGoAway() throws {
    let mesh = try RunningMesh()
    let socket = try Socket.connect(to: mesh.address)
    var input = ByteBuffer()
    let line = Array("INVALID CONNECTION PREFACE\r\n\r\n".utf8)
    waitFor { if case .bytes(line.count) = socket.send(line.span) { true } else { false } }
    waitFor {
      if case .endOfFile = socket.receive(into: &input, atMost: 4096) { true } else { false }
    }
    let said = [UInt8](copying: input.span)
    // SETTINGS, and a GOAWAY with PROTOCOL_ERROR at the end.
    #expect(said.count > 17 && said[3] == 4 && Array(said.suffix(17)) == [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  }

  /// An answer that ends without saying how the call went is over all the same.
  @Test func anAnswerWithoutAStatusEndsTheCall() throws {
    let listener = try Socket.listen(on: anyPort)
    let address = try address(of: listener)
    let caller = try RunningCaller()
    caller.client.execute { $0.connect(to: address) }
    var accepted: Socket?
    waitFor {
      if case .connection(let socket, _) = listener.accept() { accepted = consume socket }
      return accepted != nil
    }
    let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
    _ = accepted?.send(settings.span)
    _ = caller.events.wait { $0 == ["connected"] }
    caller.client.execute { _ = $0.open(path: "/test/Watch") }
    var input = ByteBuffer()
    waitFor {
      _ = accepted?.receive(into: &input, atMost: 4096)
      return String(decoding: [UInt8](copying: input.span), as: UTF8.self).contains("/test/Watch")
    }
    // HEADERS (`:status: 200`, `content-type: application/grpc`), then an empty DATA with END_STREAM.
    let answer: [UInt8] =
      [0, 0, 19, 1, 4, 0, 0, 0, 1, 0x88, 0x5f, 16] + Array("application/grpc".utf8) + [0, 0, 0, 0, 1, 0, 0, 0, 1]
    _ = accepted?.send(answer.span)
    #expect(caller.events.wait { $0.count == 2 } == ["connected", "closed -"])
  }

  // MARK: Silence

  @Test func aPeerThatAnswersNoPingIsDropped() throws {
    var limits = ServingLimits.mesh
    limits.keepalive = .milliseconds(50)
    limits.pingTimeout = .milliseconds(50)
    limits.idleTimeout = .seconds(3600)
    let mesh = try RunningMesh(limits)
    let silent = try RawClient(to: mesh.address)
    silent.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0])
    silent.read()
    #expect(silent.isEnded)
    #expect(mesh.counters.timeouts.load(ordering: .relaxed) == 1)
  }

  @Test func aPeerThatAnswersPingsStays() throws {
    var limits = ServingLimits.mesh
    limits.keepalive = .milliseconds(20)
    limits.pingTimeout = .seconds(10)
    limits.headTimeout = .milliseconds(20)
    limits.idleTimeout = .seconds(3600)
    let mesh = try RunningMesh(limits)
    let client = try mesh.server.whileHeld {
      let client = try HTTP2Client(to: mesh.address)
      client.run { true }  // the preface
      return client
    }
    let start = Instant.now()
    client.run { Instant.now() > start + .milliseconds(400) }
    #expect(!client.isEnded)
    #expect(mesh.counters.timeouts.load(ordering: .relaxed) == 0)
  }

  @Test func aConnectionThatNeverSpeaksIsDropped() throws {
    var limits = ServingLimits.mesh
    limits.headTimeout = .milliseconds(50)
    let mesh = try RunningMesh(limits)
    let silent = try RawClient(to: mesh.address)
    silent.read()
    #expect(silent.isEnded)
  }
}
