/// What is wrong with bytes that a peer sent. One case per reason, so that counters and answers can name it; the text
/// never quotes the peer's bytes.
///
/// The same faults come from requests (answered with ``status``, then the connection closes) and from responses (the
/// caller answers 502, or aborts when the head went out already, and discards the connection).
public enum HTTPFault: UInt8, Error, Hashable, Sendable, CaseIterable {
  // Lines and characters
  case bareCarriageReturn, bareLineFeed, foldedLine, controlCharacter
  // Start lines
  case badMethod, methodTooLong, badTarget, targetTooLong, badVersion, unsupportedVersion, http2Preface, badStatusLine
  // Field lines
  case emptyFieldName, spaceBeforeColon, badFieldName, missingColon
  // Limits of a head
  case headTooLarge, tooManyFields, tooManyConnectionOptions
  // Host
  case missingHost, duplicateHost, badHost
  // Framing
  case badContentLength, duplicateContentLength, lengthAndTransferEncoding, badTransferEncoding
  case unknownTransferCoding, transferEncodingInHTTP10, bodyNotAllowed
  // Options
  case badConnectionOption, unknownExpectation
  // Bodies
  case badChunkSize, badChunkExtension, chunkExtensionsTooLong, missingChunkEnd, trailersTooLarge, truncatedBody
  // Exchanges, found by the connection machines
  case unexpectedResponse, unexpectedUpgrade, missingUpgrade, tooManyInformational, truncatedHead

  /// The status that answers a request with this fault.
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .headTooLarge, .tooManyFields, .tooManyConnectionOptions, .trailersTooLarge: 431
    case .unknownExpectation: 417
    case .methodTooLong, .unknownTransferCoding: 501
    case .unsupportedVersion, .http2Preface: 505
    case .unexpectedResponse, .unexpectedUpgrade, .missingUpgrade,
      .tooManyInformational, .badStatusLine, .bodyNotAllowed:
      502
    default: 400
    }
  }

  /// One line for a person, without any byte of the peer's.
  public var reason: StaticString {
    switch self {
    case .bareCarriageReturn: "a carriage return without a line feed"
    case .bareLineFeed: "a line feed without a carriage return"
    case .foldedLine: "a field line that begins with white space"
    case .controlCharacter: "a control character"
    case .badMethod: "the method is not a token"
    case .methodTooLong: "the method is too long"
    case .badTarget: "the request target is malformed"
    case .targetTooLong: "the request target is too long"
    case .badVersion: "the request line has no HTTP version"
    case .unsupportedVersion: "this HTTP version is not supported"
    case .http2Preface: "HTTP/2 is not spoken here"
    case .badStatusLine: "the status line is malformed"
    case .emptyFieldName: "a field without a name"
    case .spaceBeforeColon: "white space before a field's colon"
    case .badFieldName: "a field name is not a token"
    case .missingColon: "a field line without a colon"
    case .headTooLarge: "the head is too large"
    case .tooManyFields: "too many fields"
    case .tooManyConnectionOptions: "too many connection options"
    case .missingHost: "no Host field"
    case .duplicateHost: "more than one Host field"
    case .badHost: "the host is malformed"
    case .badContentLength: "the content length is malformed"
    case .duplicateContentLength: "more than one content length"
    case .lengthAndTransferEncoding: "both a content length and a transfer encoding"
    case .badTransferEncoding: "the transfer encoding is malformed"
    case .unknownTransferCoding: "a transfer coding other than chunked"
    case .transferEncodingInHTTP10: "a transfer encoding in HTTP/1.0"
    case .bodyNotAllowed: "a body where none is allowed"
    case .badConnectionOption: "a connection option is not a token"
    case .unknownExpectation: "an expectation other than 100-continue"
    case .badChunkSize: "a chunk size is malformed"
    case .badChunkExtension: "a chunk extension is malformed"
    case .chunkExtensionsTooLong: "the chunk extensions are too long"
    case .missingChunkEnd: "no line end after a chunk"
    case .trailersTooLarge: "the trailers are too large"
    case .truncatedBody: "the connection closed within the body"
    case .unexpectedResponse: "a response without a request"
    case .unexpectedUpgrade: "a switch of protocols that nobody asked for"
    case .missingUpgrade: "a success without the switch of protocols that was asked for"
    case .tooManyInformational: "too many informational responses"
    case .truncatedHead: "the connection closed within the head"
    }
  }
}
