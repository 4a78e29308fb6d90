import HTTP
import Memory
import MeshProtocol
import SystemIO
import Traffic

extension ProxyCore {
  /// Answers a request by a route that does not forward: a redirect, or an answer of its own.
  mutating func answer(_ h: Handle, _ headLength: Int, by use: Int32) {
    guard let route = uses[use].route else { return }
    if asksForTunnel(h), (200..<300).contains(content(of: route).status) {
      return refuse(h, .badRequest, status: 501, text: "this route answers by itself, which is no tunnel")
    }
    let place = downstreams[h].location(route, head)
    downstreams[h].input.removeFirst(headLength)
    if !downstreams[h].exchange.keepAlive { downstreams[h].closesAfterAnswer = true }
    if !downstreams[h].requestBody.isDone { settleSmallBody(h) }
    downstreams[h].closesAfterAnswer = downstreams[h].closesAfterAnswer || isDraining
    buffers.lend(&downstreams[h].output)
    let status = writeRouteAnswer(
      route, location: place, close: downstreams[h].closesAfterAnswer,
      withoutBody: downstreams[h].exchange.method == .head, trusted: downstreams[h].origin.isTrusted,
      explains: downstreams[h].exchange.explains != .none, into: &downstreams[h].output)
    downstreams[h].exchange.answered = true
    count(h, use, status)
    answerComplete(h)
  }

  /// Whether a success would tell the caller that a tunnel stands (RFC 9110 §9.3.6, RFC 8441 §5).
  private mutating func asksForTunnel(_ h: Handle) -> Bool {
    downstreams[h].exchange.method == .connect
      || (downstreams[h].link.isStream && !downstreams[h].exchange.offer.isEmpty)
  }

  /// Counted under `/$/route/<name>`: no service was asked.
  private mutating func count(_ h: Handle, _ use: Int32, _ status: Int) {
    if uses[use].series < 0, let name = uses[use].route?.name {
      uses[use].series = facts.requestSeries(service: "/$/route/\(name)", direction: .outbound)
    }
    let elapsed = now.nanoseconds(since: downstreams[h].exchange.started) / 1000
    facts.recordRequest(uses[use].series, status < 500 ? .success : .failure, microseconds: elapsed)
  }
}

/// Writes a redirect or a direct response. Returns its status.
private func writeRouteAnswer(
  _ route: CompiledRoute, location: borrowing ByteBuffer, close: Bool, withoutBody: Bool, trusted: Bool,
  explains: Bool, into output: inout ByteBuffer
) -> Int {
  let (status, body, type) = content(of: route)
  appendStatusLine(status, to: &output)
  if !location.isEmpty {
    output.append("location: ")
    output.append(location.span)
    output.append("\r\n")
  }
  if !body.isEmpty, !route.responseEdits.drops("content-type") {
    output.append("content-type: ")
    output.append(type)
    output.append("\r\n")
  }
  output.append(route.responseEdits.lines)
  if explains {
    output.append("heddle-explain: route ")
    output.append(route.name)
    output.append("\r\n")
  }
  if trusted { output.append(status < 500 ? "l5d-success-class: 1.0\r\n" : "l5d-success-class: 0.0\r\n") }
  if close { output.append("connection: close\r\n") }
  if status != 204 && status != 304 {
    output.append("content-length: ")
    output.append(decimal: body.utf8.count)
    output.append("\r\n")
  }
  output.append("\r\n")
  if !withoutBody { output.append(body) }
  return status
}

private func content(of route: CompiledRoute) -> (status: Int, body: String, type: String) {
  switch route.route.action {
  case .redirect(let redirect): (Int(redirect.status), "", "")
  case .respond(let response):
    (
      Int(response.status), response.body,
      response.contentType.isEmpty ? "text/plain; charset=utf-8" : response.contentType
    )
  case .forward: (500, "", "")
  }
}

extension HeaderScript {
  fileprivate func drops(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    return drops(bytes.span)
  }
}
