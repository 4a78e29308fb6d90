import Memory
import Testing

/// The bytes of a span as an array, for comparing.
func bytes(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension ByteBuffer {
  var text: String { String(decoding: bytes(span), as: UTF8.self) }
}

/// `#expect` takes calls apart, which spans and non-copyable values do not survive.
func check(_ holds: Bool, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(holds, comment, sourceLocation: sourceLocation)
}

// The same over arrays: a span of a temporary array would outlive it.

func word(_ a: [UInt8], at i: Int) -> UInt64 { Memory.word(a.span, at: i) }
func bytesEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool { Memory.bytesEqual(a.span, b.span) }
func equals(_ a: [UInt8], _ text: StaticString) -> Bool { Memory.equals(a.span, text) }
func equalsIgnoringCase(_ a: [UInt8], _ text: StaticString) -> Bool { Memory.equalsIgnoringCase(a.span, text) }
func hash(_ a: [UInt8], seed: UInt64) -> UInt64 { Memory.hash(a.span, seed: seed) }

extension ByteTable {
  func find(_ key: [UInt8]) -> Int32? { find(key.span) }
  mutating func insert(_ key: [UInt8], _ value: Int32) -> Bool { insert(key.span, value) }
  mutating func remove(_ key: [UInt8]) -> Int32? { remove(key.span) }
}
