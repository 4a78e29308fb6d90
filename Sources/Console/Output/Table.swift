/// Columns padded to their widest cell, two spaces between, no lines: easy to read and to cut.
struct Table {
  struct Cell: ExpressibleByStringLiteral {
    let text: String
    let paint: Paint

    init(_ text: String, _ paint: Paint = .plain) {
      self.text = text
      self.paint = paint
    }

    init(stringLiteral value: String) { self.init(value) }
  }

  let headings: [String]
  /// Headings of columns of numbers, which align right.
  let numeric: Set<String>
  var rows: [[Cell]] = []

  init(_ headings: [String], numeric: Set<String> = []) {
    self.headings = headings
    self.numeric = numeric
  }

  mutating func add(_ cells: Cell...) { rows.append(cells) }

  func render(on terminal: Terminal) -> String {
    let widths = headings.indices.map { column in
      rows.reduce(headings[column].count) { max($0, column < $1.count ? $1[column].text.count : 0) }
    }
    let lines = [headings.map { Cell($0, .bold) }] + rows
    return lines.map { line($0, widths: widths, on: terminal) }.joined(separator: "\n") + "\n"
  }

  private func line(_ cells: [Cell], widths: [Int], on terminal: Terminal) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      let gap = String(repeating: " ", count: widths[column] - cell.text.count)
      let painted = terminal.painted(cell.text, cell.paint)
      let isLast = column == cells.count - 1
      text += numeric.contains(headings[column]) ? gap + painted : painted + (isLast ? "" : gap)
      if !isLast { text += "  " }
    }
    return text
  }
}
