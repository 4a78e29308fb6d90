import JSONFormat

/// An error answer of the controller: RFC 9457 problem details, or whatever text came instead.
public struct Problem: Equatable, Sendable {
  public struct Fault: Equatable, Sendable {
    /// JSON pointer (RFC 6901) of the field at fault, `""` for the whole body.
    public let pointer: String
    public let detail: String
    /// Byte offset of the fault in the field's text, where the controller knows it.
    public let offset: Int?
    /// The field's text as it was sent, so that the fault can be shown in it.
    public var text: String?

    public init(pointer: String, detail: String, offset: Int? = nil, text: String? = nil) {
      self.pointer = pointer
      self.detail = detail
      self.offset = offset
      self.text = text
    }
  }

  public let status: Int
  public let title: String
  public let detail: String
  public private(set) var faults: [Fault]

  public init(status: Int, title: String, detail: String, faults: [Fault] = []) {
    self.status = status
    self.title = title
    self.detail = detail
    self.faults = faults
  }

  /// Reads an error answer. A body that is no problem document (a proxy in between, say) becomes the detail.
  public init(answer: APIAnswer) {
    guard let body = try? JSON.answer(answer.body), case .object = body else {
      self.init(status: answer.status, title: "status \(answer.status)", detail: answer.text)
      return
    }
    let faults = (body["errors"]?.items ?? []).map {
      Fault(
        pointer: $0["pointer"]?.text ?? "", detail: $0["detail"]?.text ?? "",
        offset: ($0["offset"] ?? $0["position"])?.integer)
    }
    self.init(
      status: answer.status, title: body["title"]?.text ?? "status \(answer.status)",
      detail: body["detail"]?.text ?? "",
      faults: faults)
  }

  /// With the text of each field at fault, looked up in what was sent.
  func showing(_ sent: (_ pointer: String) -> String?) -> Problem {
    var copy = self
    for index in copy.faults.indices { copy.faults[index].text = sent(copy.faults[index].pointer) }
    return copy
  }

  var exitStatus: ProgramExit {
    switch status {
    case 409, 412: .conflict
    case 502, 503: .unreachable
    case 408, 504: .timedOut
    default: .failed
    }
  }
}
