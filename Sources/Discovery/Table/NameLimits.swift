/// What discovery may cost the program that does it.
public struct NameLimits: Sendable {
  /// Names under watch at once, those that linger included. Why: each holds memory and perhaps a connection, and scanners
  /// make names without end. At the limit: a new name is `failed` with the reason until one ends, names in use stay. A
  /// name that no namer takes holds no watch; how many of these are asked for is the asker's to bound.
  public var watches = 100_000
  /// Endpoints of one name. Why: one update of them goes to every proxy that asks. At the limit: the finding counts as a
  /// failure with the reason, so what was bound stays.
  public var endpoints = 10_000
  /// How long a name that nobody wants any more stays watched. Why: proxies that reconnect find it warm.
  public var linger: Duration = .seconds(10)
  /// Between two tellings of one name. Why: a source that flaps must not make every proxy swap endpoints a thousand
  /// times a second. The first change is told at once, what follows sooner waits and is told as the latest state.
  public var pace: Duration = .milliseconds(50)
  /// Bytes of a reason. Why: sources quote strangers' texts. At the limit: cut.
  public var reasonBytes = 500

  public init() {}
}
