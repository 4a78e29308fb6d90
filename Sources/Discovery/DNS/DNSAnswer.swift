/// What the domain name system says to one question.
struct DNSAnswer: Hashable, Sendable {
  enum Outcome: Hashable, Sendable {
    /// At least one record of the type that was asked for.
    case records([DNSRecord.Content])
    /// The name exists, without such records.
    case noData
    case noSuchName
  }

  let outcome: Outcome
  /// For how many seconds it holds, as its source says; nil when it does not.
  let ttl: UInt32?
}

/// Why there is no answer.
struct DNSFailure: Error, Hashable, Sendable, CustomStringConvertible {
  let description: String
}

extension DNSMessage {
  /// What a message says to a question, of which it is the response.
  enum Verdict {
    case answer(DNSAnswer)
    /// The name is another's alias, and the message says nothing of that one.
    case alias(HostName)
    /// The server could not or would not.
    case refusal(String)
  }

  /// Aliases followed in one message.
  static let longestChain = 16

  func verdict(on question: DNSQuestion) -> Verdict {
    switch code {
    case 0: break
    case 3: return .answer(DNSAnswer(outcome: .noSuchName, ttl: negativeTTL))
    default: return .refusal(Self.refusals[code] ?? "the server answered with code \(code)")
    }
    var name = question.name
    var ttl = UInt32.max
    for _ in 0...Self.longestChain {
      let own = answers.filter { $0.owner == name }
      let records = own.filter { $0.type == question.type.rawValue }
      if !records.isEmpty {
        let least = records.reduce(ttl) { min($0, $1.ttl) }
        return .answer(DNSAnswer(outcome: .records(records.map(\.content)), ttl: least))
      }
      guard let alias = own.first(where: { $0.type == RecordType.cname.rawValue }),
        case .alias(let next) = alias.content
      else { break }
      ttl = min(ttl, alias.ttl)
      name = next
    }
    // An alias that leads nowhere, beside an authority's word on it, has no such records.
    if name != question.name, negativeTTL == nil { return .alias(name) }
    return .answer(DNSAnswer(outcome: .noData, ttl: negativeTTL))
  }

  /// RFC 2308 §5: the lesser of the record's own time and its last field.
  private var negativeTTL: UInt32? {
    for record in authority { if case .negativeTTL(let minimum) = record.content { return min(minimum, record.ttl) } }
    return nil
  }

  private static let refusals: [UInt8: String] = [
    1: "the server did not understand the question (FORMERR)", 2: "the server failed (SERVFAIL)",
    4: "the server does not answer such questions (NOTIMP)", 5: "the server refused (REFUSED)",
  ]
}
