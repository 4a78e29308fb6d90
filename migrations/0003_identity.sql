-- Who signs the mesh's certificates. Certificates in DER, keys in PKCS#8 in clear: the file is its owner's alone.
-- ends: when a 'trusted' one is no longer needed. longest_leaf: milliseconds, the longest life of a leaf it signed.
CREATE TABLE authorities (
  id           TEXT    NOT NULL PRIMARY KEY,
  certificate  BLOB    NOT NULL,
  key          BLOB    NOT NULL,
  state        TEXT    NOT NULL CHECK (state IN ('next', 'issuing', 'trusted', 'retired')),
  created_at   INTEGER NOT NULL,
  ends         INTEGER,
  longest_leaf INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What lets a proxy join, once for each of its uses. secret is the SHA-256 of it.
CREATE TABLE join_tokens (
  id         TEXT    NOT NULL PRIMARY KEY,
  namespace  TEXT    NOT NULL,
  identity   TEXT    NOT NULL,
  secret     BLOB    NOT NULL,
  uses       INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT    NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX join_tokens_by_namespace ON join_tokens (namespace);

-- The keys that used a token: a proxy whose answer was lost asks again with the same key, and that is no second use.
CREATE TABLE join_token_uses (
  token TEXT    NOT NULL REFERENCES join_tokens (id) ON DELETE CASCADE,
  key   BLOB    NOT NULL,
  at    INTEGER NOT NULL,
  PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;

-- How a known proxy showed itself: the SPIFFE ID of its certificate, and the address that its stream came from.
ALTER TABLE proxies ADD COLUMN identity TEXT;
ALTER TABLE proxies ADD COLUMN host TEXT;
