/// The place in a source that answers a question anew when its index has grown: Consul's blocking queries, and the rules that
/// its documentation asks clients to keep ("Implementation Details" of the blocking queries page).
struct BlockingIndex: Equatable {
  /// To be asked with; 0 asks without waiting.
  private(set) var value: UInt64 = 0

  /// Takes the index of an answer; nil when it had none or none that can be. An index that went back, as after a restore of the
  /// servers, begins anew: waiting for the old one to be passed could take for ever.
  mutating func answered(_ index: UInt64?) {
    guard let index, index > 0 else { return value = 0 }
    value = index < value ? 0 : index
  }

  /// After a failure the next question is answered at once: what came between is not known.
  mutating func reset() { value = 0 }
}
