// What makes a route a good one. The controller asks before it stores, the proxy before it runs.

extension HTTPRoute {
  /// Everything that is wrong, patterns apart; empty for a good route.
  public var faults: [FieldFault] {
    var checker = FieldChecker()
    checker.each("hosts", hosts, atMost: RouteLimits.hosts) { $0.note(RouteText.fault(inHost: $1)) }
    if Set(hosts).count < hosts.count { checker.within("hosts") { $0.add("names a host twice") } }
    checker.each("matches", matches, atMost: RouteLimits.matches) { $1.check(&$0) }
    if patternCount > RouteLimits.patterns {
      checker.within("matches") { $0.add("have more than \(RouteLimits.patterns) patterns") }
    }
    checkAction(&checker)
    checker.within("request_headers") { requestHeaders.check(&$0) }
    checker.within("response_headers") { responseHeaders.check(&$0) }
    return checker.faults
  }

  private func checkAction(_ checker: inout FieldChecker) {
    switch action {
    case .forward(let path, let rewrite):
      if path.isRoot { checker.within("to") { $0.add("must name something") } }
      checker.within("rewrite") { rewrite.check(&$0, prefixes: matchesPrefixesOnly) }
    case .redirect(let redirect):
      checker.within("redirect") { redirect.check(&$0, prefixes: matchesPrefixesOnly) }
      refuseRequestEdits(&checker)
    case .respond(let response):
      checker.within("respond") { response.check(&$0) }
      refuseRequestEdits(&checker)
    }
  }

  private func refuseRequestEdits(_ checker: inout FieldChecker) {
    if !requestHeaders.isEmpty { checker.within("request_headers") { $0.add("have no effect: nothing is forwarded") } }
  }

  /// Whether every match says which prefix it took; a match without path took `/`.
  private var matchesPrefixesOnly: Bool {
    matches.allSatisfy { match in
      switch match.path {
      case nil, .prefix: true
      case .exact, .regex: false
      }
    }
  }

  private var patternCount: Int {
    matches.reduce(0) { count, match in
      let inPath = if case .regex? = match.path { 1 } else { 0 }
      return count + inPath + (match.headers + match.query).count { if case .regex = $0.value { true } else { false } }
    }
  }
}

extension HTTPMatch {
  fileprivate func check(_ checker: inout FieldChecker) {
    checker.within("path") { checker in
      switch path {
      case .exact(let text): checker.within("exact") { $0.note(RouteText.fault(inMatchedPath: text)) }
      case .prefix(let text): checker.within("prefix") { $0.note(RouteText.fault(inMatchedPath: text)) }
      case .regex, nil: break
      }
    }
    if let method {
      checker.within("method") { $0.note(RouteText.fault(inMethod: method)) }
    }
    checker.each("headers", headers, atMost: RouteLimits.conditions) {
      $1.check(&$0, RouteText.fault(inHeaderName: $1.name))
    }
    checker.each("query", query, atMost: RouteLimits.conditions) {
      $1.check(&$0, RouteText.fault(inParameter: $1.name))
    }
    for (field, list) in [("headers", headers), ("query", query)] where Set(list.map(\.name)).count < list.count {
      checker.within(field) { $0.add("name one twice: both would have to hold") }
    }
  }
}

extension FieldMatch {
  fileprivate func check(_ checker: inout FieldChecker, _ nameFault: String?) {
    checker.within("name") { $0.note(nameFault) }
    if case .exact(let text) = value { checker.within("exact") { $0.note(RouteText.fault(inValue: text)) } }
  }
}

extension Rewrite {
  fileprivate func check(_ checker: inout FieldChecker, prefixes: Bool) {
    if let host { checker.within("host") { $0.note(RouteText.fault(inAuthority: host)) } }
    path?.check(&checker, prefixes: prefixes)
  }
}

extension PathEdit {
  fileprivate func check(_ checker: inout FieldChecker, prefixes: Bool) {
    switch self {
    case .full(let text): checker.within("path") { $0.note(RouteText.fault(inSentPath: text)) }
    case .prefix(let text):
      checker.within("prefix") { checker in
        if !text.isEmpty { checker.note(RouteText.fault(inSentPath: text)) }
        if !prefixes { checker.add("needs a path.prefix in every match: nothing else says what to replace") }
      }
    }
  }
}

extension Redirect {
  static let statuses: [UInt16] = [301, 302, 303, 307, 308]

  fileprivate func check(_ checker: inout FieldChecker, prefixes: Bool) {
    if let scheme, scheme != "http", scheme != "https" { checker.within("scheme") { $0.add("must be http or https") } }
    if let host { checker.within("host") { $0.note(RouteText.fault(inHost: .exact(host))) } }
    if port == 0 { checker.within("port") { $0.add("must be 1 to 65535") } }
    path?.check(&checker, prefixes: prefixes)
    if !Self.statuses.contains(status) { checker.within("status") { $0.add("must be 301, 302, 303, 307 or 308") } }
    if scheme == nil, host == nil, port == nil, path == nil {
      checker.add("changes nothing: the caller would come back for ever")
    }
  }
}

extension DirectResponse {
  /// Statuses whose answers have no body (RFC 9110 §6.4.1; 205 in §15.3.6).
  public static let bodyless: [UInt16] = [204, 205, 304]

  fileprivate func check(_ checker: inout FieldChecker) {
    if !(200...599).contains(status) { checker.within("status") { $0.add("must be 200 to 599") } }
    checker.within("body") { checker in
      if body.utf8.count > RouteLimits.body { checker.add("is longer than \(RouteLimits.body) bytes") }
      if !body.isEmpty, Self.bodyless.contains(status) {
        checker.add("cannot be: an answer of status \(status) has none")
      }
    }
    checker.within("content_type") { $0.note(RouteText.fault(inValue: contentType)) }
  }
}

extension HeaderEdits {
  fileprivate func check(_ checker: inout FieldChecker) {
    for (field, lines) in [("set", set), ("add", add)] {
      checker.within(field) { checker in
        if lines.count > RouteLimits.edits { checker.add("has more than \(RouteLimits.edits) members") }
        for line in lines {
          checker.within(line.name) { checker in
            checker.note(RouteText.fault(inEditedName: line.name) ?? RouteText.fault(inValue: line.value))
          }
        }
        if Swift.Set(lines.map(\.name)).count < lines.count { checker.add("names a header twice") }
      }
    }
    checker.each("remove", remove, atMost: RouteLimits.edits) { $0.note(RouteText.fault(inEditedName: $1)) }
  }
}
