import ArgumentParser
import MeshProtocol

extension DtabCommand {
  struct Edit: Verb {
    static let configuration = CommandConfiguration(
      abstract: "Opens the dtab in $VISUAL or $EDITOR and stores it, unless someone else did meanwhile.",
      discussion: """
        The dtab is stored only if the namespace is still at the revision that was opened. Otherwise, and when the text
        is refused, nothing is lost: the text is kept in a file, and what the others changed is shown.

        EXAMPLES
          EDITOR=nano heddle dtab edit
          heddle dtab edit --reason 'users moves to v2' --wait
        """)
    @OptionGroup var write: WriteOptions
    @OptionGroup var common: CommonOptions

    func execute(in session: Session) throws(ConsoleError) {
      let current = try session.dtab(query: Query())
      let edited = try Editor(environment: session.environment).edit(current.text, suffix: ".dtab")
      guard edited != current.text else { return session.terminal.line("unchanged") }
      do { try NameText.check(dtab: edited, file: "edited dtab") } catch {
        throw .failed(try Editor.rescue(edited, because: error, on: session.terminal))
      }
      var options = write
      options.ifRevision = options.ifRevision ?? current.revision
      do { try session.replaceDtab(edited, options: options) } catch {
        guard case .refused(let problem) = error else { throw error }
        session.terminal.complain(FaultText.of(error, on: session.terminal))
        if problem.status == 412 { session.showWhatOthersDid(since: current) }
        let kept = try Editor.rescue(edited, because: nil, on: session.terminal)
        throw problem.status == 412 ? .conflict(kept) : .failed(kept)
      }
    }
  }
}

extension Session {
  /// The changes that were stored by others while this one was being written. Only a help: when the controller does not
  /// answer now, it is left out.
  fileprivate func showWhatOthersDid(since opened: (text: String, revision: UInt64?)) {
    guard let now = try? dtab(query: Query()), let old = try? Dtab(parsing: opened.text),
      let new = try? Dtab(parsing: now.text)
    else { return }
    let revisions = "revision \(opened.revision.map(String.init) ?? "?") to \(now.revision.map(String.init) ?? "?")"
    let lines = DtabDiff(from: old, to: new).text(on: terminal)
    terminal.complain("changed meanwhile, \(revisions):\n" + lines.map { "  \($0)\n" }.joined())
  }
}
