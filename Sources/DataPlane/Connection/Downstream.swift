import HTTP
import Memory
import SystemIO
import TLS
import Traffic

/// One caller: an HTTP/1.1 connection, or one request on an HTTP/2 connection. Lives on one worker for life.
struct Downstream: ~Copyable {
  var link: PeerLink
  /// Where it came in.
  var origin: Origin
  /// Meaningful for streams.
  var stream = StreamText()
  var phase = Phase.idle
  /// Bytes received and not yet passed on. While a request waits for its binding its head stays here and is parsed again then:
  /// that is rare and cheap, and saves keeping a copy for every request.
  var input = ByteBuffer()
  /// Bytes for the caller that the kernel has not taken yet.
  var output = ByteBuffer()
  /// The body of the current request.
  var requestBody = BodyReader(.none)
  var exchange = Exchange()
  /// Keeps a head that comes in many pieces from being looked at over and over.
  var scan = HeadScan()
  /// Nothing follows the current answer on this connection.
  var closesAfterAnswer = false
  /// The kernel may have bytes for us (edge-triggered: we must remember).
  var mayRead = true
  var sawHangup = false
  /// Our last byte was said: the caller sees the end, and may still be sending.
  var isShut = false
  /// It was left with work to do, so that others had their turn: the next event goes on, whatever it says.
  var gaveWay = false
  var clock: ConnectionClock

  enum Phase: Equatable {
    /// No request under way, no byte of one received.
    case idle
    /// Part of a head has come.
    case head
    /// The head stands complete in `input`; the binding is not known yet.
    case waiting(binding: Int32)
    /// The request has an upstream connection (or one being connected).
    case exchanging(Handle)
    /// The request waits to be sent again (`ProxyCore.retries`).
    case retrying(Handle)
    /// The exchange is over; what follows is decided when its answer has been handed to the kernel.
    case settling
    /// Nothing is said after `output`. What still comes is read and dropped, up to this many bytes: a close with unread bytes is a
    /// reset, and that can take the answer out of the caller's hands (RFC 9112 §9.6).
    case closing(left: Int)
  }

  init(socket: consuming PeerSocket, from origin: Origin, clock: ConnectionClock) {
    link = .socket(socket)
    self.origin = origin
    self.clock = clock
  }

  /// A request on a session.
  init(stream: StreamText, from origin: Origin, clock: ConnectionClock) {
    link = .stream
    self.origin = origin
    self.stream = stream
    self.clock = clock
    mayRead = false
  }

  /// No request has come on this connection yet.
  var isFresh: Bool { exchange.started == .zero }

  /// What was read in clear were the first bytes of TLS: it goes on under it.
  mutating func secure(by session: consuming TLSSession) {
    var received = ByteBuffer()
    swap(&received, &input)
    link.secure(by: session, received: received.span, into: &input)
    received.removeAll()
  }

  /// Its bytes come under TLS.
  var isSecure: Bool { link.isSecure || origin.isSecure }

  /// What the first bytes say.
  borrowing func firstBytes() -> FirstBytes { FirstBytes(input.span) }
  /// The first byte is one of a TLS record.
  var beginsLikeTLS: Bool { !input.isEmpty && input.span[0] == 0x16 }
  borrowing func clientHello() -> ClientHello.Parse { ClientHello.parse(input.span) }
  borrowing func proxyHeader() -> ProxyHeader.Parse { ProxyHeader.parse(input.span) }

  /// Gives up the connection, which goes on as something else.
  consuming func takeSocket() -> PeerSocket? { link.takeSocket() }

  /// Reads once into `input`. A short read means that the kernel has no more for now.
  mutating func receive(atMost: Int) -> IOResult {
    let result = link.receive(into: &input, atMost: atMost)
    switch result {
    case .bytes(let n): mayRead = n >= atMost || sawHangup
    case .wouldBlock: mayRead = false
    case .endOfFile, .failed: mayRead = false
    }
    return result
  }

  /// Parses the head at the front of `input`.
  mutating func parseHead(into head: inout RequestHead) -> HeadParse {
    head.parse(input, limits: .standard, scan: &scan)
  }

  /// The next part of the request's body.
  /// - Parameter trailers: holds the fields of a trailer section afterwards.
  mutating func nextBodyPart(trailers: inout FieldTable) -> BodyPart { requestBody.next(input, trailers: &trailers) }

  /// Appends these bytes of the input to `output`.
  borrowing func forward(_ range: Range<Int>, to output: inout ByteBuffer) {
    output.append(input.span.extracting(range))
  }

  /// Appends the fields of a trailer section in the input, those that may travel, and the body's end.
  borrowing func forwardTrailers(_ range: Range<Int>, _ fields: borrowing FieldTable, to output: inout ByteBuffer) {
    writeLastChunk(trailers: input.span.extracting(range), fields, to: &output)
  }

  /// The slot of the host that is spelt as these bytes of the input.
  borrowing func find(_ range: Range<Int>, in hosts: borrowing HostTable) -> Int32? {
    hosts.find(input.span.extracting(range))
  }

  /// The route of the request whose head stands in the input.
  borrowing func findRoute(
    _ chain: HostChain, _ head: borrowing RequestHead, _ scratch: inout RouteScratch
  ) -> RouteLookup {
    chain.find(head, input.span, scratch: &scratch)
  }

  /// The name that this identifier gives the request whose head stands in the input.
  borrowing func identify(
    _ identifier: Identifier, _ head: borrowing RequestHead, _ scratch: inout RouteScratch, _ name: inout [UInt8]
  ) -> Identification {
    identifier.identify(head, input.span, scratch: &scratch, into: &name)
  }

  /// Where a redirecting route sends the request whose head stands in the input; empty for other routes.
  borrowing func location(_ route: CompiledRoute, _ head: borrowing RequestHead) -> ByteBuffer {
    guard case .redirect(let redirect) = route.route.action else { return ByteBuffer() }
    return DataPlane.location(redirect, head, input.span, segments: Int(exchange.takenSegments))
  }

  /// The name that these bytes of the input, a host, stand for. False when they are no name.
  borrowing func identify(_ range: Range<Int>, into name: inout [UInt8]) -> Bool {
    identifyHost(input.span.extracting(range), into: &name)
  }

  /// A copy of these bytes of the input.
  borrowing func copy(_ range: Range<Int>) -> [UInt8] {
    let span = input.span
    return range.map { span[$0] }
  }

  /// Gives the kernel what it takes of `output`.
  mutating func flush() -> IOResult { link.write(&output) }
}

/// Where a caller's connection came in, and what that says of it.
struct Origin {
  /// In `ProxyCore.listeners`.
  let listener: Handle
  let direction: TrafficDirection
  /// Whether the caller may steer its requests and say for whom they come.
  var isTrusted: Bool
  /// What must come, or be known, before the caller is listened to.
  var greeting = Greeting.none
  /// Who the connection is from, where the listener asks; nil elsewhere.
  var caller: SocketAddress?
  /// Where the caller had wanted to connect, where the kernel sent it here instead.
  var original: SocketAddress?
  /// The connection that carries this stream is under TLS.
  var isSecure = false
  /// The caller's identity of the mesh, in `ProxyCore.identities`; -1: it has none.
  var identity: Int32 = -1

  enum Greeting: UInt8 {
    case none
    /// A load balancer has yet to say whom the connection is for.
    case proxyHeader
    /// TLS that ends here; nothing else is taken.
    case tls
    /// What the listener declares, or TLS of a caller of the mesh.
    case declared
    /// The handshake of TLS by the listener's own certificates.
    case handshake
    /// The handshake with a caller of the mesh: who it is, and what it speaks, shows at its end.
    case meshHandshake

    var isHandshake: Bool { self == .handshake || self == .meshHandshake }
  }

  /// The caller's own rules and questions count: the proxy before an application leaves them to those before it.
  var steers: Bool { isTrusted && direction == .outbound }
}

/// What one request needs remembered until its answer is complete. Indexes, no references: nothing is retained per request.
struct Exchange {
  var binding: Int32 = -1
  /// The route that matched (`RouteUses`); -1 for none.
  var route: Int32 = -1
  /// Segments of the path that a rewrite replaces, or that an identifier consumed.
  var takenSegments: Int16 = 0
  /// Index of the leaf in the binding's route when it was picked; the series below outlive a swap of the route.
  var leaf: Int32 = -1
  var cluster: ClusterIndex = -1
  var endpoint: EndpointIndex = -1
  /// Bytes of the head, which stands in the input while the request waits for its binding.
  var headLength: Int32 = 0
  /// When the answer must be complete.
  var mustEnd = Instant.distantFuture
  var requestSeries: Int32 = -1
  var attemptSeries: Int32 = -1
  var started = Instant.zero
  var attemptStarted = Instant.zero
  /// The pause before the last retry, in nanoseconds.
  var pause: UInt64 = 0
  /// Times this request was sent again because it surely reached no application …
  var resends: UInt8 = 0
  /// … and because of what its answer said.
  var retries: UInt8 = 0
  /// Which send of the request the attempt under way is.
  var sending = FactTry.first
  /// The class that the name's policy gives the answer; nil: it has no policy, or it is not one of calls.
  var judged: ResponseClass?
  var method = Method.other
  var minorVersion: UInt8 = 1
  var keepAlive = true
  /// The answer's head went to the caller: from here on a fault can only cut the connection.
  var answered = false
  /// Chunked towards the caller.
  var chunksAnswer = false
  /// Chunked towards the upstream.
  var chunksRequest = false
  /// Where the lines of the leaf stand in the request as written.
  var tail = 0..<0
  var responseStatus: UInt16 = 0
  var isGRPC = false
  /// How a gRPC call ended, once that is known.
  var grpcCode: GRPCStatus.Code?
  /// `mustEnd` is the caller's own deadline.
  var hasDeadline = false

  /// The caller waits no longer, by its own word.
  func isOverdue(at now: Instant) -> Bool { hasDeadline && now >= mustEnd }

  var explains = ExplanationWish.none
  /// It is no request but a connection: bytes go both ways, and nothing is answered.
  var isRaw = false
  /// No rule led it anywhere: it goes where its caller had wanted to connect.
  var isPassedOn = false
  /// The request may become a tunnel.
  var mayTunnel = false
  /// Protocols that it offers to switch to.
  var offer = UpgradeOffer()
  /// In `ProxyCore.handshakes`, where only one side has the handshake of WebSocket.
  var handshake = Handle.none
}
