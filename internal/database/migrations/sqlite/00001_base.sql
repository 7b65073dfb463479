-- +goose Up
-- Who did what, when: written in the transaction of the change, never changed.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    via TEXT NOT NULL,
    request TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    action TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX audit_entity ON audit (entity, entity_id, id);

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit row is never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'an audit row is never deleted');
END;
-- +goose StatementEnd

-- What happened, for whoever follows: seq is what a reader's cursor counts.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seq BIGINT,
    at BIGINT NOT NULL,
    type TEXT NOT NULL,
    entity TEXT NOT NULL,
    entity_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE UNIQUE INDEX event_seq ON event (seq);
CREATE INDEX event_unnumbered ON event (id) WHERE seq IS NULL;

-- The last seq given out.
CREATE TABLE event_head (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    last BIGINT NOT NULL
);
INSERT INTO event_head (one, last) VALUES (1, 0);

-- What was asked before, and what was answered.
CREATE TABLE once (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);

-- Numbers without gaps.
CREATE TABLE number_series (
    series TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);

-- The last moment at which each periodic job was inserted.
CREATE TABLE job_schedule (
    name TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);
