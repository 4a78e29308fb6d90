import Memory

/// Reads a string in the Huffman code of HPACK (RFC 7541 §5.2).
/// - Parameter output: gets the symbols at its end; what it gets of a string that breaks off is undefined.
/// - Returns: false for a symbol that may not stand there (EOS), or an end that is no padding.
func decodeHuffman(_ coded: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
  output.reserve(coded.count &* 8 / 5 &+ 8)  // the shortest code has five bits
  // What was read and not used stands on the left of the word; symbols go out by eights.
  var bits: UInt64 = 0
  var count: UInt64 = 0
  var at = 0
  var symbols: UInt64 = 0
  var symbolBits: UInt64 = 0
  while true {
    if at &+ 8 <= coded.count {
      let room = 64 &- (63 &- count) & 0x38  // bits that are not taken of the word
      bits |= (word(coded, at: at).byteSwapped &>> room) &<< (room &- count)
      at &+= 8 &- Int(room &>> 3)
      count &+= 64 &- room
    } else {
      while count <= 56 && at < coded.count {
        bits |= UInt64(coded[at]) &<< (56 &- count)
        count &+= 8
        at &+= 1
      }
    }
    while true {
      let symbol: UInt64
      let short = UInt64(huffmanShort[Int(bits &>> 56)])
      if short != 0, short &>> 8 <= count {
        symbol = short & 0xff
        bits &<<= short &>> 8
        count &-= short &>> 8
      } else if count < longestCode, at < coded.count {
        break
      } else if count < 8 {
        output.append(word: symbols, count: Int(symbolBits &>> 3))
        return isPadding(bits, count)
      } else {
        guard let long = longSymbol(bits, count) else { return false }
        symbol = UInt64(long.symbol)
        bits &<<= long.length
        count &-= long.length
      }
      symbols |= symbol &<< symbolBits
      symbolBits &+= 8
      if symbolBits == 64 {
        output.append(word: symbols, count: 8)
        (symbols, symbolBits) = (0, 0)
      }
    }
  }
}

/// Bits of the longest code.
private let longestCode: UInt64 = 30

/// Fewer than eight bits, all ones: the beginning of the code for the end of string.
private func isPadding(_ bits: UInt64, _ count: UInt64) -> Bool { bits == ~(UInt64.max &>> count) }

/// The symbol whose code is longer than eight bits; nil for EOS, or when the string ends within it.
private func longSymbol(_ bits: UInt64, _ count: UInt64) -> (symbol: UInt8, length: UInt64)? {
  let front = UInt32(truncatingIfNeeded: bits &>> 32)
  var length = 9
  while length <= 30 && front >= huffmanLimits[length] { length &+= 1 }
  guard length <= 30, length <= count else { return nil }
  let place = Int(huffmanPlaces[length]) &+ Int(front &>> UInt32(32 &- length) &- huffmanFirst[length])
  return place < 256 ? (huffmanSymbols[place], UInt64(length)) : nil
}
