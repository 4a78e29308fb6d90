import Serving
import SystemIO
import Testing

@Suite struct LoopHTTPClientTests {
  private func failure(_ result: Result<HTTPResponse, HTTPClientError>?) -> HTTPClientError? {
    if case .failure(let error) = result { error } else { nil }
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
    ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"),
    ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"), ("HTTP/1.1 204 No Content\r\n\r\n", ""),
  ])
  func readsEveryFraming(answer: String, body: String) throws {
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say(answer, socket)
    }
    let result = try RunningClient().send(at: server.origin)
    #expect(try result?.get().text == body)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
    "SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 20),
    "HTTP/1.1 200 OK\r\nx: " + String(repeating: "a", count: 70_000),
  ])
  func whatIsCutOrNoHTTPFails(answer: String) throws {
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say(answer, socket)
    }
    let error = failure(try RunningClient().send(at: server.origin))
    if case .malformed = error {} else { Issue.record("\(String(describing: error))") }
  }

  @Test func sendsBodyAndFieldsAndRefusesBadOnes() throws {
    let server = try RunningServer(handler: echo)
    let origin = HTTPOrigin(host: "127.0.0.1", port: server.address.port)
    let client = try RunningClient()
    let result = client.send("POST", "/a?b=c", at: origin, headers: ["x-token": "t"], body: Array("body".utf8))
    #expect(try result?.get().text == "POST /a?b=c \(server.address) body")
    let large = [UInt8](repeating: 0x61, count: 1 << 20)
    #expect(try client.send("PUT", "/", at: origin, body: large)?.get().bytes?.count ?? 0 > 1 << 20)
    for target in ["", "/a b", "/a\r\nx: y"] {
      if case .invalidRequest = failure(client.send("GET", target, at: origin)) {} else { Issue.record("\(target)") }
    }
    #expect(failure(client.send("GET", "/", at: origin, headers: ["x": "a\r\nb"])) != nil)
    #expect(client.counts().calls == 0)
  }

  @Test func keepsConnections() throws {
    let server = try RunningServer(handler: echo)
    let origin = HTTPOrigin(host: "127.0.0.1", port: server.address.port)
    let client = try RunningClient()
    for _ in 0..<5 { #expect(try client.send(at: origin)?.get().status == 200) }
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 1)
    #expect(client.counts().connections == 1)
  }

  @Test func sendsAgainWhatAKeptConnectionLost() throws {
    let server = try ScriptedServer { number, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)", socket)
      // Takes the second request and closes without a word.
      if number == 0 { hear("\r\n\r\n", socket) }
    }
    let client = try RunningClient()
    #expect(try client.send(at: server.origin)?.get().text == "0")
    #expect(try client.send(at: server.origin)?.get().text == "1")
    #expect(server.accepted.all.count == 2)
  }

  @Test func doesNotSendAgainWhatMayHaveHappened() throws {
    let server = try ScriptedServer { number, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)", socket)
      hear("\r\n\r\n", socket)
    }
    let client = try RunningClient()
    #expect(try client.send(at: server.origin)?.get().text == "0")
    #expect(failure(client.send("POST", "/", at: server.origin)) != nil)
  }

  @Test func tellsAStreamAsItComes() throws {
    let heard = Collected<String>()
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", socket)
      heard.wait { $0.contains("one") }
      say("3\r\ntwo\r\n", socket)
      heard.wait { $0.contains("two") }
      say("0\r\n\r\n", socket)
    }
    let client = try RunningClient()
    let told = client.stream("/watch", at: server.origin)
    for piece in ["one", "two"] {
      told.wait { $0.contains(piece) }
      heard.add(piece)
    }
    #expect(told.wait { $0.contains("ended") } == ["head 200", "one", "two", "ended"])
  }

  @Test func cancellingClosesTheConnectionAndTellsNoMore() throws {
    let ends = Collected<String>()
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n", socket)
      hear("never", socket)
      ends.add("closed")
    }
    let client = try RunningClient()
    let told = client.stream("/watch", at: server.origin, cancelAfter: 1)
    #expect(ends.wait { !$0.isEmpty } == ["closed"])
    #expect(client.counts() == (0, 0))
    #expect(told.all == ["head 200", "one"])
  }

  @Test func givesUpOnSilenceAndOnDrips() throws {
    let over = Collected<Int>()
    let server = try ScriptedServer { number, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", socket)
      if number == 0 { return over.wait { $0.count == 1 }.forEach { _ in } }
      while over.all.count < 2 { say("1\r\nx\r\n", socket) }
    }
    let client = try RunningClient()
    let silent = failure(client.send(at: server.origin, times: HTTPTimes(idle: .milliseconds(50))))
    over.add(0)
    let dripping = failure(client.send(at: server.origin, times: HTTPTimes(total: .milliseconds(80))))
    over.add(1)
    for error in [silent, dripping] {
      if case .timeout = error {} else { Issue.record("\(String(describing: error))") }
    }
    #expect(client.counts() == (0, 0))
  }

  @Test func holdsNoMoreThanTheLimit() throws {
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 100_000), socket)
    }
    var limits = LoopHTTPClient.Limits()
    limits.bodyBytes = 1000
    let error = failure(try RunningClient(limits).send(at: server.origin))
    #expect(error == .malformed("the answer is above 1000 bytes"))
  }

  @Test func aCallThatIsOverIsForgotten() throws {
    let server = try RunningServer(handler: echo)
    let origin = HTTPOrigin(host: "127.0.0.1", port: server.address.port)
    let client = try RunningClient()
    let watched = WeakCall()
    #expect(try client.send(at: origin, watchedBy: watched)?.get().status == 200)
    #expect(client.counts().calls == 0)
    #expect(watched.isGone)
  }

  @Test func callsWaitForAConnection() throws {
    let server = try RunningServer(handler: ThreadHandler { _ in HTTPResponse(status: 200, text: "x") })
    let origin = HTTPOrigin(host: "127.0.0.1", port: server.address.port)
    var limits = LoopHTTPClient.Limits()
    limits.connectionsPerOrigin = 2
    let client = try RunningClient(limits)
    let streams = (0..<20).map { _ in client.stream("/", at: origin) }
    for told in streams { #expect(told.wait { $0.contains("ended") } == ["head 200", "x", "ended"]) }
    #expect(server.counters.connectionsAccepted.load(ordering: .relaxed) == 2)
  }

  @Test func aCallThatFindsNoFreeConnectionFails() throws {
    let over = Collected<Int>()
    let server = try ScriptedServer { _, socket in
      hear("\r\n\r\n", socket)
      say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", socket)
      over.wait { !$0.isEmpty }
    }
    var limits = LoopHTTPClient.Limits()
    limits.connectionsPerOrigin = 1
    let client = try RunningClient(limits)
    client.stream("/", at: server.origin).wait { $0.contains("x") }
    let error = failure(client.send(at: server.origin, times: HTTPTimes(connect: .milliseconds(30))))
    over.add(0)
    if case .timeout = error {} else { Issue.record("\(String(describing: error))") }
  }

  @Test func triesEveryAddressOfAName() throws {
    let listener = try Socket.listen(on: .loopback(port: 0))
    let port = try address(of: listener).port
    startThread(name: "answering") { [listener] in
      waitFor {
        guard case .connection(let socket, _) = listener.accept() else { return false }
        hear("\r\n\r\n", socket)
        say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", socket)
        return true
      }
    }
    let client = try RunningClient()
    #expect(try client.send(at: HTTPOrigin(host: "localhost", port: port))?.get().text == "ok")
    #expect(failure(client.send(at: HTTPOrigin(host: "no-such-name.invalid", port: port))) != nil)
  }

  @Test func refusalsName() throws {
    let listener = try Socket.listen(on: anyPort)
    let port = try address(of: listener).port
    _ = consume listener
    let error = failure(try RunningClient().send(at: HTTPOrigin(host: "127.0.0.1", port: port)))
    #expect(error == .unreachable("127.0.0.1:\(port): Connection refused"))
  }

  @Test func speaksToSocketFiles() throws {
    let path = "/tmp/heddle-\(try randomSeed()).sock"
    defer { try? removeFile(path) }
    let listener = try Socket.listen(atPath: path)
    startThread(name: "answering") { [listener] in
      waitFor {
        guard case .connection(let socket, _) = listener.accept() else { return false }
        hear("\r\n\r\n", socket)
        say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", socket)
        return true
      }
    }
    let client = try RunningClient()
    #expect(try client.send(at: HTTPOrigin(.unix(path: path)))?.get().text == "ok")
    #expect(failure(client.send(at: HTTPOrigin(.unix(path: path + "-no")))) != nil)
    let long = HTTPOrigin(.unix(path: "/" + String(repeating: "a", count: 200)))
    #expect(failure(client.send(at: long)) != nil)
  }
}

@Suite struct HTTPBaseTests {
  @Test(arguments: [
    ("http://consul:8500", "http://consul:8500"), ("http://Consul", "http://consul:80"),
    ("https://[::1]:6443/k8s/a/", "https://[::1]:6443/k8s/a"), ("https://10.0.0.1", "https://10.0.0.1:443"),
    ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
  ])
  func reads(url: String, description: String) {
    #expect(HTTPBase(url)?.description == description)
  }

  @Test(arguments: [
    "", "consul:8500", "http://", "http://:80", "http://a:0", "http://a:99999", "http://a:+1", "ftp://a", "http://a b",
    "http://u@a", "http://a/?x", "http://a/#x", "http://::1", "http://[a]", "unix://", "unix://a", "unix:///",
  ])
  func refuses(url: String) { #expect(HTTPBase(url) == nil) }
}
