-- The hash of a namespace's configuration as its newest revision was told to proxies. NULL: written before this column existed.
-- A later program may encode the same resources to other bytes, and so to another hash.
ALTER TABLE namespaces ADD COLUMN hash BLOB;
