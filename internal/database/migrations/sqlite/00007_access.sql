-- +goose Up
-- A person who works with the office. The password is argon2id in its PHC string;
-- failed are wrong ones in a row from networks that the user does not log in from.
CREATE TABLE access_user (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    password TEXT NOT NULL,
    must_change BOOLEAN NOT NULL DEFAULT FALSE,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    failed INTEGER NOT NULL DEFAULT 0,
    slow_until BIGINT NOT NULL DEFAULT 0,
    password_changed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- A network that somebody tried to log in from as a user: with wrong passwords, or
-- with the right one (good_at).
CREATE TABLE access_origin (
    user_id BIGINT NOT NULL REFERENCES access_user (id),
    network TEXT NOT NULL,
    failed INTEGER NOT NULL,
    wrong_at BIGINT NOT NULL,
    wait_until BIGINT NOT NULL,
    good_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, network)
);

-- Somebody who is logged in. Of the cookie there is the SHA-256 hash only.
CREATE TABLE access_session (
    hash TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES access_user (id),
    remote TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX access_session_user ON access_session (user_id);
CREATE INDEX access_session_expires ON access_session (expires_at);

-- What a program has. Of the key there is the SHA-256 hash only; after a rotation
-- the one before is good for a while, too. owner is the person who was told it.
CREATE TABLE access_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    old_hash TEXT UNIQUE,
    old_until BIGINT NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
    created_by TEXT NOT NULL,
    owner TEXT NOT NULL,
    old_owner TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL DEFAULT 0,
    used_at BIGINT NOT NULL DEFAULT 0
);

-- What a second person stands behind: one request, once. Of the secret there is the
-- SHA-256 hash only; used_for is the hash of the request that it was used for, which
-- may be sent again.
CREATE TABLE access_approval (
    hash TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES access_user (id),
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_for TEXT NOT NULL DEFAULT '',
    used_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX access_approval_expires ON access_approval (expires_at);

-- Who is told of events: one row a listener of one API (TMF630, hub). last_seq is
-- the durable cursor: all events up to it are delivered or of no interest.
CREATE TABLE hub (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api BIGINT NOT NULL,
    callback TEXT NOT NULL,
    query TEXT NOT NULL DEFAULT '',
    secret TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    last_seq BIGINT NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT NOT NULL DEFAULT 0,
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    delivered BIGINT NOT NULL DEFAULT 0,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
