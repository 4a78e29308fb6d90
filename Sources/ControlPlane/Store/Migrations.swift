// The text of migrations/*.sql, so that the program needs no files beside it. A test compares; never edit one that
// was released.
import JSONFormat

struct Migration: Sendable {
  /// The file's name without `.sql`.
  let name: String
  let sql: String
}

enum Migrations {
  static let all = [
    Migration(
      name: "0001_store",
      sql: """
        -- What a controller keeps. One writer; every answered write is on disk (WAL, synchronous=FULL).

        -- Facts about the store itself: 'epoch' (32 hex digits, new after a restore), 'created_at'.
        CREATE TABLE facts (
          name  TEXT NOT NULL PRIMARY KEY,
          value TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;

        -- A deleted namespace keeps its row (present = 0): its revision and rule numbers must never come again.
        CREATE TABLE namespaces (
          name              TEXT    NOT NULL PRIMARY KEY,
          present           INTEGER NOT NULL CHECK (present IN (0, 1)),
          revision          INTEGER NOT NULL,
          last_rule         INTEGER NOT NULL,
          endpoints_version INTEGER NOT NULL,
          oldest_revision   INTEGER NOT NULL,
          committed_at      INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        -- The units of configuration as they are now. value is JSON.
        CREATE TABLE resources (
          namespace TEXT    NOT NULL REFERENCES namespaces (name),
          kind      TEXT    NOT NULL,
          name      TEXT    NOT NULL,
          revision  INTEGER NOT NULL,
          value     TEXT    NOT NULL,
          PRIMARY KEY (namespace, kind, name)
        ) STRICT, WITHOUT ROWID;

        -- History: who changed what, when and why.
        CREATE TABLE revisions (
          namespace TEXT    NOT NULL REFERENCES namespaces (name),
          revision  INTEGER NOT NULL,
          at        INTEGER NOT NULL,
          who       TEXT    NOT NULL,
          why       TEXT    NOT NULL,
          summary   TEXT    NOT NULL,
          size      INTEGER NOT NULL,
          PRIMARY KEY (namespace, revision)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX revisions_by_time ON revisions (at);

        -- The resources that a revision changed, before and after; NULL where it was absent.
        CREATE TABLE revision_changes (
          namespace       TEXT    NOT NULL,
          revision        INTEGER NOT NULL,
          kind            TEXT    NOT NULL,
          name            TEXT    NOT NULL,
          before_revision INTEGER,
          before_value    TEXT,
          after_value     TEXT,
          PRIMARY KEY (namespace, revision, kind, name),
          FOREIGN KEY (namespace, revision) REFERENCES revisions (namespace, revision) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        -- Services that exist, with or without endpoints. Endpoints are facts: they move no revision.
        CREATE TABLE services (
          namespace TEXT    NOT NULL REFERENCES namespaces (name),
          name      TEXT    NOT NULL,
          version   INTEGER NOT NULL,
          PRIMARY KEY (namespace, name)
        ) STRICT, WITHOUT ROWID;

        -- ttl in milliseconds; NULL for a static endpoint. renewed_at is written in batches and only informs.
        CREATE TABLE endpoints (
          namespace  TEXT    NOT NULL,
          service    TEXT    NOT NULL,
          address    TEXT    NOT NULL,
          value      TEXT    NOT NULL,
          ttl        INTEGER,
          renewed_at INTEGER NOT NULL,
          PRIMARY KEY (namespace, service, address),
          FOREIGN KEY (namespace, service) REFERENCES services (namespace, name) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        -- Answers of writes that carried an Idempotency-Key, kept for 24 h.
        CREATE TABLE answers (
          caller  TEXT    NOT NULL,
          key     TEXT    NOT NULL,
          request BLOB    NOT NULL,
          answer  TEXT    NOT NULL,
          at      INTEGER NOT NULL,
          PRIMARY KEY (caller, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX answers_by_time ON answers (at);

        -- Proxies seen in the last 24 h.
        CREATE TABLE proxies (
          id        TEXT    NOT NULL PRIMARY KEY,
          namespace TEXT    NOT NULL,
          document  BLOB    NOT NULL,
          seen_at   INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        """),
    Migration(
      name: "0002_committed_hash",
      sql: """
        -- The hash of a namespace's configuration as its newest revision was told to proxies. NULL: written before this column existed.
        -- A later program may encode the same resources to other bytes, and so to another hash.
        ALTER TABLE namespaces ADD COLUMN hash BLOB;

        """),
    Migration(
      name: "0003_identity",
      sql: """
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

        """),
    Migration(
      name: "0004_certified_keys",
      sql: """
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
        """),
  ]
}
