/// The two looks of a log line. Foreign text cannot begin a new line or a new field.
enum LogLine {
  static func text(
    _ now: Int64, _ level: LogLevel, _ area: String, _ message: String, _ fields: [(String, String)]
  ) -> String {
    var line = "\(timestamp(now)) \(level) \(area): \(message)"
    for (name, value) in fields {
      let isPlain =
        !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value < 0x7f && $0 != "\"" }
      line += isPlain ? " \(name)=\(value)" : " \(name)=\(JSONText.quoted(value))"
    }
    return line
  }

  static func json(
    _ now: Int64, _ level: LogLevel, _ area: String, _ message: String, _ fields: [(String, String)]
  ) -> String {
    var line = "{\"time\":\"\(timestamp(now))\",\"level\":\"\(level)\",\"area\":\"\(area)\",\"message\":"
    line += JSONText.quoted(message)
    for (name, value) in fields { line += ",\(JSONText.quoted(name)):\(JSONText.quoted(value))" }
    return line + "}"
  }

  /// RFC 3339 in UTC with milliseconds. The date from a day count by Howard Hinnant's `civil_from_days`
  /// (https://howardhinnant.github.io/date_algorithms.html).
  static func timestamp(_ milliseconds: Int64) -> String {
    let clamped = max(0, min(milliseconds, 253_402_300_799_999))
    let (days, rest) = clamped.quotientAndRemainder(dividingBy: 86_400_000)
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60)
    return "\(date)T\(padded(hour, 2)):\(padded(minute, 2)):\(padded(second, 2)).\(padded(rest % 1000, 3))Z"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let text = "\(number)"
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}

/// JSON text for programs that write small documents without Foundation.
public enum JSONText {
  /// A string with its quotes; control characters are escaped, everything else stays UTF-8.
  public static func quoted(_ raw: String) -> String {
    var text = "\""
    for scalar in raw.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  /// An RFC 3339 time in UTC, in quotes, from wall-clock milliseconds since 1970.
  public static func time(_ milliseconds: Int64) -> String { "\"\(LogLine.timestamp(milliseconds))\"" }
}
