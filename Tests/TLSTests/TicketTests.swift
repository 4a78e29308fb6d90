import COpenSSL
import TestSupport
import Testing

@testable import TLS

/// Sessions that resume by tickets, under keys that change.
@Suite struct TicketTests {
  /// A session of TLS 1.2 or 1.3 from a full handshake; nil when the server gave none.
  @safe private final class Ticket {
    let pointer: OpaquePointer
    @unsafe init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }
    deinit { unsafe SSL_SESSION_free(pointer) }
  }

  private func server(_ keys: TicketKeys?) throws -> TLSContext {
    var settings = TLSSettings(trust: try Kit.trust(), peer: .none, identities: [try Kit.server.get()])
    settings.ticketKeys = keys
    return try TLSContext(.server, settings)
  }

  /// Shakes hands, with an earlier ticket if there is one; whether that shortened it, and the ticket that came.
  private func shakeHands(_ client: TLSContext, _ server: TLSContext, _ ticket: Ticket? = nil) throws -> (isResumed: Bool, Ticket?) {
    var pair = Pair(client, server)
    if let ticket { unsafe SSL_set_session(pair.client.session, ticket.pointer) }
    try pair.connect()
    #expect(pair.client.state == .established && pair.server.state == .established)
    let made = unsafe SSL_get1_session(pair.client.session)
    return (pair.server.isResumed, unsafe made.map { unsafe Ticket($0) })
  }

  @Test func aTicketIsGoodForAsLongAsItsKeyIsKept() throws {
    let keys = TicketKeys()
    let (client, server) = (try Kit.clientContext(), try server(keys))
    let (isResumed, ticket) = try shakeHands(client, server)
    #expect(!isResumed)
    for _ in 1..<TicketKeys.kept {
      #expect(try shakeHands(client, server, ticket).isResumed)
      keys.rotate()
    }
    #expect(try shakeHands(client, server, ticket).isResumed)
    keys.rotate()
    #expect(try !shakeHands(client, server, ticket).isResumed)
  }

  @Test func aTicketOfAnOlderKeyIsRenewed() throws {
    let keys = TicketKeys()
    let (client, server) = (try Kit.clientContext(), try server(keys))
    var ticket = try shakeHands(client, server).1
    for _ in 0..<3 * TicketKeys.kept {
      let (isResumed, newer) = try shakeHands(client, server, ticket)
      #expect(isResumed)
      ticket = newer
      keys.rotate()
    }
  }

  @Test func newCertificatesKeepTickets() throws {
    let keys = TicketKeys()
    let client = try Kit.clientContext()
    let ticket = try shakeHands(client, try server(keys)).1
    #expect(try shakeHands(client, try server(keys), ticket).isResumed)
    #expect(try !shakeHands(client, try server(TicketKeys()), ticket).isResumed)
    #expect(try !shakeHands(client, try server(nil), ticket).isResumed)
  }
}
