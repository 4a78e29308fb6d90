import Memory
import TestSupport
import Thrift

/// Messages as Apache Thrift 0.17 for Python writes them: `greet("Ada")` with sequence 7, its answers, and `rich`, which has a field of
/// every type. Frames of the header transport have their length in front; `twitter` is a header of TTwitter and then the call.
let written: [String: [UInt8]] = [
  "binary_call": hex(
    "80010001000000056772656574000000070b00010000000341646100"),
  "binary_oneway": hex(
    "80010004000000056772656574000000070b00010000000341646100"),
  "binary_value": hex(
    "80010002000000056772656574000000070b00000000000968656c6c6f2041646100"),
  "binary_void": hex(
    "800100020000000567726565740000000700"),
  "binary_declared": hex(
    "80010002000000056772656574000000070c00020b0001000000026e6f0000"),
  "binary_exception": hex(
    "80010003000000056772656574000000070b000100000004626f6f6d0800020000000600"),
  "binary_rich": hex(
    "800100010000000472696368fffffffe0200010103000203060003fffb080028fffeee900a0029f00000000000000004"
      + "002a3ff80000000000000f002b02000000030100010e002c080000001400000000000003e8000007d000000bb800000f"
      + "a0000013880000177000001b5800001f40000023280000271000002af800002ee0000032c8000036b000003a9800003e"
      + "80000042680000465000004a380d002d0b0f00000001000000016b0c0000000102000100000d002e0b080000000000"),
  "old_call": hex(
    "00000005677265657401000000070b00010000000341646100"),
  "old_value": hex(
    "00000005677265657402000000070b00000000000968656c6c6f2041646100"),
  "old_exception": hex(
    "00000005677265657403000000070b000100000004626f6f6d0800020000000600"),
  "compact_call": hex(
    "822107056772656574180341646100"),
  "compact_oneway": hex(
    "828107056772656574180341646100"),
  "compact_value": hex(
    "82410705677265657408000968656c6c6f2041646100"),
  "compact_void": hex(
    "82410705677265657400"),
  "compact_declared": hex(
    "8241070567726565742c18026e6f0000"),
  "compact_exception": hex(
    "8261070567726565741804626f6f6d150c00"),
  "compact_rich": hex(
    "8221feffffff0f047269636811130314090550dfc50816ffffffffffffffff1f17000000000000f83f19310102011af5"
      + "1400d00fa01ff02ec03e904ee05db06d807dd08c01a09c01f0ab01c0bb0190cb01e0da01b0ea0180fa01d08902a09902"
      + "f0a8021b0189016b1c12001b0000"),
  "header_binary": hex(
    "000000360fff0000000000070004000001010674656e616e7404626c756580010001000000056772656574000000070b"
      + "00010000000341646100"),
  "header_compact": hex(
    "000000290fff0000000000070004020001010674656e616e7404626c7565822107056772656574180341646100"),
  "header_zlib": hex(
    "0000002d0fff000000000007000100010100789c6b606460646060604d2f4a4d2d0132d8b9c17c66c794440600382103"
      + "bb"),
  "twitter": hex(
    "0a0001000000000000004d0a0002000000000000004d020005010c00060b0001000000026d65000a0007000000000000"
      + "00000f00080c000000010b00010000001c636f6d2e747769747465722e66696e61676c652e446561646c696e650b0002"
      + "000000023132000b0009000000062f75736572730f000a0c000000010b00010000000a2f7376632f75736572730b0002"
      + "0000000d2f7376632f75736572732d7632000080010001000000056772656574000000070b00010000000341646100"),
  "upgrade": hex(
    "800100010000001b5f5f63616e5f5f66696e61676c655f5f74726163655f5f76335f5f0000000000"),
]

func hex(_ text: String) -> [UInt8] {
  let digits = Array(text)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16)! }
}

/// What reading gave: a value, or why there is none.
func outcome<Value>(_ read: () throws(ThriftFault) -> Value) -> Result<Value, ThriftFault> {
  do throws(ThriftFault) { return .success(try read()) } catch { return .failure(error) }
}

func message(_ bytes: [UInt8], at start: Int = 0) -> Result<ThriftMessage, ThriftFault> {
  outcome { () throws(ThriftFault) in try ThriftMessage(bytes.span, at: start) }
}

func reply(_ bytes: [UInt8]) -> Result<ThriftReply, ThriftFault> {
  outcome { () throws(ThriftFault) in try ThriftReply(ThriftMessage(bytes.span), bytes.span) }
}

func headerFrame(_ bytes: [UInt8]) -> Result<ThriftHeaderFrame, ThriftFault> {
  outcome { () throws(ThriftFault) in try ThriftHeaderFrame(bytes.span) }
}

func twitterHeader(_ bytes: [UInt8]) -> Result<TwitterHeader, ThriftFault> {
  outcome { () throws(ThriftFault) in try TwitterHeader(bytes.span) }
}

func written(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
  var buffer = ByteBuffer()
  write(&buffer)
  return (0..<buffer.count).map { buffer.span[$0] }
}
