import SystemIO

/// One question until it is answered: over several servers, again when one is silent, over TCP when an answer is too long
/// for UDP, without EDNS where a server does not know it, along the search domains and aliases. A machine: bytes, time-outs
/// and randomness come in, what to send goes out.
struct DNSLookup {
  /// What to do next.
  enum Step {
    /// Send this to a server and tell what comes, or that nothing came in time.
    case send(server: Int, bytes: [UInt8], overTCP: Bool)
    /// Not ours: go on waiting.
    case wait
    case finished(Result<DNSAnswer, DNSFailure>)
  }

  /// Aliases followed from message to message.
  static let longestChain = 8

  private var question: DNSQuestion
  private var candidates: [HostName]
  private let servers: Int
  private let attempts: Int
  private var server: Int
  private var sent = 0
  private var id: UInt16 = 0
  private var isExtended = true
  private var isOverTCP = false
  private var aliases = 0
  private var failure = "no server"
  /// What the best of the candidates so far said, when none has records.
  private var negative: DNSAnswer?

  /// - Parameters:
  ///   - candidates: names to try in order, at least one.
  ///   - servers: how many there are; the first to ask is drawn.
  ///   - attempts: times that each server is asked.
  init(
    _ candidates: [HostName], _ type: RecordType, servers: Int, attempts: Int,
    using random: inout some RandomNumberGenerator
  ) {
    question = DNSQuestion(name: candidates[0], type: type)
    self.candidates = Array(candidates.dropFirst())
    self.servers = servers
    self.attempts = attempts
    server = servers > 0 ? Int.random(in: 0..<servers, using: &random) : 0
  }

  mutating func start(using random: inout some RandomNumberGenerator) -> Step { send(using: &random) }

  /// A datagram, or a whole TCP message, from the server that was asked last.
  mutating func received(_ bytes: [UInt8], using random: inout some RandomNumberGenerator) -> Step {
    let message: DNSMessage
    do throws(DNSMalformed) { message = try DNSMessage(decoding: bytes) } catch {
      // Anybody may send a datagram; over TCP it is the server who makes no sense.
      return isOverTCP ? failed("the answer makes no sense: \(error.problem)", using: &random) : .wait
    }
    guard message.id == id else { return .wait }
    if message.code == 1 || message.code == 4, isExtended {
      isExtended = false
      return resend(using: &random)
    }
    guard message.question == question || message.question == nil && message.code != 0 else { return .wait }
    if message.isTruncated {
      if isOverTCP { return failed("the answer is cut short over TCP", using: &random) }
      isOverTCP = true
      return resend(using: &random)
    }
    return take(message.verdict(on: question), using: &random)
  }

  /// Nothing came in time, or the way to the server is broken.
  mutating func failed(_ reason: String, using random: inout some RandomNumberGenerator) -> Step {
    failure = reason
    isOverTCP = false
    isExtended = true
    server = servers > 0 ? (server + 1) % servers : 0
    return send(using: &random)
  }

  private mutating func take(_ verdict: DNSMessage.Verdict, using random: inout some RandomNumberGenerator) -> Step {
    switch verdict {
    case .refusal(let reason): return failed(reason, using: &random)
    case .alias(let name):
      aliases += 1
      guard aliases <= Self.longestChain else {
        return .finished(.failure(DNSFailure(description: "aliases in a circle")))
      }
      return ask(name, using: &random)
    case .answer(let answer):
      if case .records = answer.outcome { return .finished(.success(answer)) }
      if negative == nil || answer.outcome == .noData { negative = answer }
      guard !candidates.isEmpty else { return .finished(.success(negative ?? answer)) }
      return ask(candidates.removeFirst(), using: &random)
    }
  }

  private mutating func ask(_ name: HostName, using random: inout some RandomNumberGenerator) -> Step {
    question = DNSQuestion(name: name, type: question.type)
    sent = 0
    isOverTCP = false
    return send(using: &random)
  }

  private mutating func send(using random: inout some RandomNumberGenerator) -> Step {
    guard sent < servers * attempts else { return .finished(.failure(DNSFailure(description: failure))) }
    sent += 1
    return resend(using: &random)
  }

  /// The same question to the same server, under another id.
  private mutating func resend(using random: inout some RandomNumberGenerator) -> Step {
    id = UInt16.random(in: 0 ... .max, using: &random)
    return .send(server: server, bytes: question.encoded(id: id, isExtended: isExtended), overTCP: isOverTCP)
  }
}
