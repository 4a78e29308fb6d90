import HTTP
import TestSupport
import Testing

/// A field as a test reads it.
struct ReadField: Equatable {
  var name: String
  var value: String
  var known: FieldName
  var isHopByHop: Bool
}

/// What a head came to, copied out of the span, so that two parses can be compared.
struct ReadRequest: Equatable {
  var result: HeadParse
  var method = Method.other
  var methodText = ""
  var form = TargetForm.origin
  var target = ""
  /// What goes upstream as the target.
  var path = ""
  var host = ""
  var minorVersion: UInt8 = 1
  var framing = BodyFraming.none
  var keepAlive = false
  var expectsContinue = false
  var hasUpgrade = false
  var hasConnectionOptions = false
  var fields: [ReadField] = []
  var dropped = 0

  var fault: HTTPFault? { if case .fault(let fault) = result { fault } else { nil } }
  var forwarded: [String] { fields.filter { !$0.isHopByHop }.map(\.name) }
}

extension [UInt8] {
  func text(_ range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }
}

func readFields(_ table: borrowing FieldTable, of input: [UInt8]) -> [ReadField] {
  (0..<table.count).map { i in
    let field = table[i]
    return ReadField(
      name: input.text(field.nameRange), value: input.text(field.valueRange), known: field.name,
      isHopByHop: field.isHopByHop)
  }
}

func read(_ head: borrowing RequestHead, _ result: HeadParse, of input: [UInt8]) -> ReadRequest {
  guard case .complete = result else { return ReadRequest(result: result) }
  let lead = head.pathLead == 0 ? "" : String(UnicodeScalar(head.pathLead))
  return ReadRequest(
    result: result, method: head.method, methodText: input.text(head.methodRange), form: head.form,
    target: input.text(head.targetRange), path: lead + input.text(head.pathRange), host: input.text(head.hostRange),
    minorVersion: head.minorVersion, framing: head.framing, keepAlive: head.keepAlive,
    expectsContinue: head.expectsContinue,
    hasUpgrade: head.hasUpgrade, hasConnectionOptions: head.hasConnectionOptions,
    fields: readFields(head.fields, of: input), dropped: head.fields.droppedCount)
}

func request(_ input: [UInt8], limits: HeadLimits = .standard) -> ReadRequest {
  var head = RequestHead()
  let result = head.parse(input.span, limits: limits)
  return read(head, result, of: input)
}

func request(_ text: String, limits: HeadLimits = .standard) -> ReadRequest { request(bytes(text), limits: limits) }

/// A GET with these field lines besides Host; each without its line end.
func get(_ lines: String...) -> ReadRequest {
  request("GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
}

struct ReadResponse: Equatable {
  var result: HeadParse
  var status = 0
  var reason = ""
  var minorVersion: UInt8 = 1
  var framing = BodyFraming.none
  var keepAlive = false
  var fields: [ReadField] = []

  var fault: HTTPFault? { if case .fault(let fault) = result { fault } else { nil } }
}

func read(_ head: borrowing ResponseHead, _ result: HeadParse, of input: [UInt8], to method: Method) -> ReadResponse {
  guard case .complete = result else { return ReadResponse(result: result) }
  return ReadResponse(
    result: result, status: head.statusCode, reason: input.text(head.reasonRange), minorVersion: head.minorVersion,
    framing: head.framing(requestMethod: method), keepAlive: head.keepAlive, fields: readFields(head.fields, of: input))
}

func response(_ input: [UInt8], to method: Method = .get, limits: HeadLimits = .standard) -> ReadResponse {
  var head = ResponseHead()
  let result = head.parse(input.span, limits: limits)
  return read(head, result, of: input, to: method)
}

func response(_ text: String, to method: Method = .get, limits: HeadLimits = .standard) -> ReadResponse {
  response(bytes(text), to: method, limits: limits)
}

/// A 200 with these field lines; each without its line end.
func ok(_ lines: String...) -> ReadResponse {
  response("HTTP/1.1 200 OK\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n")
}

/// A body as a test reads it: what came out, and how it ended.
struct ReadBody: Equatable {
  var data: [UInt8] = []
  var trailers: [UInt8] = []
  var isDone = false
  var fault: HTTPFault?
  /// Bytes behind the body.
  var rest = 0

  var text: String { String(decoding: data, as: UTF8.self) }
}

/// Feeds `pieces` one after the other to a reader, as a connection does: unconsumed bytes stay in front of the next
/// piece.
func body(_ framing: BodyFraming, _ pieces: [[UInt8]]) -> ReadBody {
  var reader = BodyReader(framing)
  var result = ReadBody()
  var input: [UInt8] = []
  for piece in pieces {
    input += piece
    var isHungry = false
    while !isHungry, !result.isDone, result.fault == nil {
      var consumed = 0
      switch reader.next(input.span) {
      case .data(let start, let end, let n):
        result.data += input[start..<end]
        consumed = n
      case .needMore(let n):
        isHungry = true
        consumed = n
      case .trailers(let start, let end, let n):
        result.trailers = Array(input[start..<end])
        consumed = n
      case .end(let n):
        result.isDone = true
        consumed = n
      case .fault(let fault): result.fault = fault
      }
      input.removeFirst(consumed)
    }
  }
  result.rest = input.count
  return result
}

func chunked(_ text: String) -> ReadBody { body(.chunked, [bytes(text)]) }

/// Heads that are right, one for each feature; the seeds of prefix, split and mutation tests.
let goodRequests: [String] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /a/b?c=d HTTP/1.1\r\nHost: users.prod:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
  "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n\r\n",
  "PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n",
  "GET http://users/p?q HTTP/1.1\r\nHost: other\r\nl5d-dtab: /svc/a => /svc/b\r\nl5d-ctx-deadline: 1 2\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
  "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
  "\r\nGET /%2e%2e/\\#\u{fc} HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Tab: \ta\tb\t \r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-gone, upgrade, , close\r\n"
    + "Upgrade: h2c\r\nX-Gone: 1\r\nTE: trailers\r\n\r\n",
  "BREW /pot HTTP/1.1\r\nHost: a\r\nx_forwarded_for: 1\r\nmy_field: 2\r\nproxy-authorization: x\r\n\r\n",
  "CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n",
]

let goodResponses: [String] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nServer: x\r\n\r\n",
  "HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nDate: today\r\n\r\n",
  "HTTP/1.1 304 \r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
  "HTTP/1.1 503 A\tb \u{fc}\r\nRetry-After: 3\r\nl5d-err: x\r\nheddle-error: no-route\r\n\r\n",
]

/// Bytes that mean something to the parsers: what mutations put in.
let wireAlphabet: [UInt8] = bytes("\r\n\r\n \t:,;=/*_-0189aAfFxXzZ\"#@[]%?.") + [0, 1, 0x0b, 0x7f, 0x80, 0xff]

/// `#expect` for conditions over values that cannot be copied, which the macro cannot take apart.
func expect(_ holds: Bool, _ note: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(holds, note, sourceLocation: sourceLocation)
}
