-- The keys that this controller has certified for a proof, and for whom. While a root that somebody stole is being withdrawn, only
-- they get another certificate by the one they hold. key: SHA-256 of the public key. at: the last certificate, milliseconds.
CREATE TABLE certified_keys (
  key       BLOB    NOT NULL,
  namespace TEXT    NOT NULL,
  identity  TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (key, namespace, identity)
) STRICT, WITHOUT ROWID;
INSERT INTO certified_keys (key, namespace, identity, at)
  SELECT u.key, t.namespace, t.identity, MAX(u.at) FROM join_token_uses u JOIN join_tokens t ON t.id = u.token
  GROUP BY u.key, t.namespace, t.identity;
