import Settings

extension ProxyControl {
  /// Takes over what can change while running: the file's rules and names, the log level. What else changed is named
  /// in the log.
  func reload(_ changed: ProxyConfiguration) {
    log.level = changed.logLevel
    replaceNames(by: changed)
    refreshSecurity()
    enqueue(.file(changed.dtab))
    let old = start.configuration.values
    let reloadable = ["dtab", "registry", "namers", "log.level"]
    let fixed = ProxyKeys.table.settings.filter { setting in
      !reloadable.contains(setting.path) && !setting.isEqual(in: old, changed.values)
    }
    if !fixed.isEmpty {
      log.warning(
        "proxy", "these keys change only with a restart", [("keys", fixed.map(\.path).joined(separator: ","))])
    }
    log.info("proxy", "configuration reloaded")
  }
}

extension Setting {
  fileprivate func isEqual(in a: SettingsValues, _ b: SettingsValues) -> Bool {
    switch kind {
    case .texts: a.texts(path) == b.texts(path)
    case .pairs: a.pairs(path) == b.pairs(path)
    case .tree: a.tree(path) == b.tree(path)
    default: a.text(path) == b.text(path)
    }
  }
}
