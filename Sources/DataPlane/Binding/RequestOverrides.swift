import HTTP
import Memory
import MeshProtocol
import Traffic

/// What a request says of its own rules.
private struct RequestedRules {
  /// Name, lines and signatures: equal for equal requests.
  var key: [UInt8]
  /// Lines of `l5d-ctx-dtab`, in order.
  var context: [String] = []
  /// Lines of `l5d-dtab`.
  var own: [String] = []
  var contextSignature: [UInt8] = []
  var ownSignature: [UInt8] = []
}

extension ProxyCore {
  /// For a request with dentries of its own: the key is the name, their text and its signatures, so that what was seen before is
  /// neither parsed nor checked again. What may not pass is not remembered.
  /// - Parameter base: the binding of the name without them.
  mutating func findOverride(_ h: Handle, _ base: Int32) -> BindingLookup {
    let requested = gatherRules(h, bindings[base].key)
    if let known = bindings.find(requested.key.span) { return .found(known) }
    if let reason = refusal(of: requested) { return .denied(reason) }
    let local: [RuleEntry]
    do {
      local = try RequestRules.parse(context: requested.context, request: requested.own)
    } catch {
      return .badDtab(error.message)
    }
    if let dentry = binding.overrides.refused(local) {
      return .denied("a request may not bring the rule \(dentry): its prefix is not among those allowed here")
    }
    guard let made = makeBinding(key: requested.key, path: bindings[base].path, local: local) else { return .full }
    if let path = bindings[made].delegation.deniedOverride(allowing: binding.overrides.systemNames) {
      discard(made)
      return .denied("a request may not lead to \(path): only an operator's rule may name it")
    }
    return .found(made)
  }

  /// Why the request's rules do not count here, whatever they say; nil when they do.
  private mutating func refusal(of requested: RequestedRules) -> String? {
    switch binding.overrides.mode {
    case .allow: return nil
    case .deny: return "this listener takes no rules from requests"
    case .signed(let key):
      if !requested.own.isEmpty, !key.isSignature(requested.ownSignature, of: requested.own) {
        return "l5d-dtab needs a valid l5d-dtab-signature here"
      }
      if !requested.context.isEmpty, !key.isSignature(requested.contextSignature, of: requested.context) {
        return "l5d-ctx-dtab needs a valid l5d-ctx-dtab-signature here"
      }
      return nil
    }
  }

  /// Lines of one header are concatenated in order; the key keeps lines and headers apart (a value never holds a zero byte).
  private mutating func gatherRules(_ h: Handle, _ name: [UInt8]) -> RequestedRules {
    var requested = RequestedRules(key: name + [0])
    for i in 0..<head.fields.count {
      let field = head.fields[i]
      let mark: UInt8
      switch field.name {
      case .l5dDtab: mark = 1
      case .l5dCtxDtab: mark = 2
      case .l5dDtabSignature: mark = 3
      case .l5dCtxDtabSignature: mark = 4
      default: continue
      }
      let value = downstreams[h].copy(field.valueRange)
      requested.key += value
      requested.key += [0, mark]
      switch mark {
      case 1: requested.own.append(String(decoding: value, as: UTF8.self))
      case 2: requested.context.append(String(decoding: value, as: UTF8.self))
      case 3: requested.ownSignature = value
      default: requested.contextSignature = value
      }
    }
    return requested
  }

  /// The header lines that carry a request's rules on.
  func contextLines(_ dtab: String) -> String {
    var lines = "l5d-ctx-dtab: \(dtab)\r\n"
    if case .signed(let key) = binding.overrides.mode {
      lines += "l5d-ctx-dtab-signature: \(key.signature(of: [dtab]))\r\n"
    }
    return lines
  }
}
