-- +goose Up

-- The chart of accounts. Codes are never reused: entries name them for ever.
CREATE TABLE gl_account (
    code       TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL CHECK (type IN ('asset', 'liability', 'equity', 'revenue', 'expense')),
    created_at BIGINT NOT NULL
);
INSERT INTO gl_account (code, name, type, created_at) VALUES
    ('1100', 'Bank', 'asset', 0),
    ('1110', 'Cash', 'asset', 0),
    ('1200', 'Trade receivables', 'asset', 0),
    ('1300', 'Payment provider clearing', 'asset', 0),
    ('2100', 'Customer credit', 'liability', 0),
    ('2200', 'Refunds payable', 'liability', 0),
    ('2300', 'Tax payable, no region', 'liability', 0),
    ('2400', 'Prepaid balances', 'liability', 0),
    ('4100', 'Revenue: usage', 'revenue', 0),
    ('4200', 'Revenue: recurring', 'revenue', 0),
    ('4300', 'Revenue: one-time', 'revenue', 0),
    ('4400', 'Discounts granted', 'revenue', 0),
    ('4500', 'Dunning fees', 'revenue', 0),
    ('4900', 'Rounding differences', 'revenue', 0),
    ('6100', 'Bad debt', 'expense', 0),
    ('6200', 'Payment losses', 'expense', 0),
    ('6300', 'Goodwill and corrections', 'expense', 0);

-- A month of the books. One that is closing or closed takes no postings; totals are what it was closed with.
CREATE TABLE accounting_period (
    period    TEXT PRIMARY KEY, -- YYYY-MM
    state     TEXT NOT NULL CHECK (state IN ('open', 'closing', 'closed')),
    closed_at BIGINT NOT NULL DEFAULT 0,
    closed_by TEXT NOT NULL DEFAULT ''
);

CREATE TABLE accounting_period_total (
    period   TEXT NOT NULL REFERENCES accounting_period (period),
    gl_code  TEXT NOT NULL,
    currency TEXT NOT NULL,
    debit    BIGINT NOT NULL,
    credit   BIGINT NOT NULL,
    PRIMARY KEY (period, gl_code, currency)
);

-- The receivables journal. It is written by the thousand a second during an invoice run: no foreign key from posting to
-- account or to billing account (the program refuses unknown codes, "gyro books verify" looks for strays), and no index
-- that a run does not pay back.
CREATE TABLE journal_entry (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    posted_on   TEXT NOT NULL, -- the day that it counts for
    kind        TEXT NOT NULL,
    reference   TEXT NOT NULL, -- what people look it up by: the invoice's number, the payment's id
    key         TEXT NOT NULL UNIQUE,
    reverses_id BIGINT,
    entered_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX journal_entry_reverses ON journal_entry (reverses_id) WHERE reverses_id IS NOT NULL;

CREATE TABLE journal_posting (
    entry_id           BIGINT NOT NULL,
    line               INTEGER NOT NULL,
    gl_code            TEXT NOT NULL,
    billing_account_id BIGINT,
    amount             BIGINT NOT NULL CHECK (amount <> 0), -- debit positive, credit negative
    currency           TEXT NOT NULL,
    PRIMARY KEY (entry_id, line)
);
CREATE INDEX journal_posting_account ON journal_posting (billing_account_id, entry_id)
    WHERE gl_code IN ('1200', '2100');
CREATE INDEX journal_posting_prepaid ON journal_posting (billing_account_id, entry_id) WHERE gl_code = '2400';

-- Entries are never edited; what was wrong is reversed by another entry.
-- +goose StatementBegin
CREATE TRIGGER journal_entry_update BEFORE UPDATE ON journal_entry
BEGIN
    SELECT RAISE(ABORT, 'the journal is never edited: post a reversal');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_entry_delete BEFORE DELETE ON journal_entry
BEGIN
    SELECT RAISE(ABORT, 'the journal is never edited: post a reversal');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_posting_update BEFORE UPDATE ON journal_posting
BEGIN
    SELECT RAISE(ABORT, 'the journal is never edited: post a reversal');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_posting_delete BEFORE DELETE ON journal_posting
BEGIN
    SELECT RAISE(ABORT, 'the journal is never edited: post a reversal');
END;
-- +goose StatementEnd

-- What is owed of one finalised invoice: open = total - allocations that stand.
CREATE TABLE receivable (
    invoice_id         BIGINT PRIMARY KEY,
    billing_account_id BIGINT NOT NULL,
    number             TEXT NOT NULL,
    currency           TEXT NOT NULL,
    total              BIGINT NOT NULL,
    set_off            BIGINT NOT NULL DEFAULT 0, -- credit that was used as it was finalised: it is printed, and stays what it was
    open               BIGINT NOT NULL,
    disputed           BIGINT NOT NULL DEFAULT 0 CHECK (disputed >= 0), -- not dunned
    issued_on          TEXT NOT NULL,
    due_on             TEXT NOT NULL,
    CHECK (open >= 0 AND open <= total),
    CHECK (set_off >= 0 AND set_off <= total)
);
CREATE INDEX receivable_open ON receivable (billing_account_id, due_on, invoice_id) WHERE open > 0;

-- What settles receivables: a payment, a credit note, a write-off. open = amount - withdrawn - allocations that stand.
CREATE TABLE credit (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL,
    source             TEXT NOT NULL CHECK (source IN ('payment', 'credit_note', 'write_off')),
    source_id          BIGINT NOT NULL, -- the payment, the credit note's invoice row, the invoice that is written off
    currency           TEXT NOT NULL,
    amount             BIGINT NOT NULL,
    withdrawn          BIGINT NOT NULL DEFAULT 0, -- refunded, charged back, moved to the charging core
    open               BIGINT NOT NULL,
    created_on         TEXT NOT NULL,
    CHECK (open >= 0 AND withdrawn >= 0 AND open + withdrawn <= amount)
);
CREATE INDEX credit_open ON credit (billing_account_id, id) WHERE open > 0;
CREATE INDEX credit_source ON credit (source, source_id);

CREATE TABLE payment_allocation (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    credit_id          BIGINT NOT NULL REFERENCES credit (id),
    payment_id         BIGINT, -- where the credit is a payment's
    invoice_id         BIGINT NOT NULL REFERENCES receivable (invoice_id),
    billing_account_id BIGINT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    currency           TEXT NOT NULL,
    allocated_at       BIGINT NOT NULL,
    reversed_at        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX payment_allocation_invoice ON payment_allocation (invoice_id);
CREATE INDEX payment_allocation_credit ON payment_allocation (credit_id);

CREATE TABLE dispute (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    invoice_id         BIGINT NOT NULL REFERENCES receivable (invoice_id),
    billing_account_id BIGINT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    reason             TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('open', 'upheld', 'rejected')),
    opened_at          BIGINT NOT NULL,
    closed_at          BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX dispute_invoice ON dispute (invoice_id);

CREATE TABLE payment (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL,
    purpose            TEXT NOT NULL CHECK (purpose IN ('bills', 'top_up')),
    method             TEXT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    currency           TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('initiated', 'pending', 'settled', 'failed')),
    key                TEXT NOT NULL UNIQUE, -- the caller's idempotency key
    invoice_id         BIGINT, -- what the payer names; otherwise oldest first
    token              TEXT NOT NULL DEFAULT '', -- the provider's name of the means of payment
    provider_reference TEXT UNIQUE,
    description        TEXT NOT NULL DEFAULT '',
    failure            TEXT NOT NULL DEFAULT '',
    refunded           BIGINT NOT NULL DEFAULT 0,
    charged_back       BIGINT NOT NULL DEFAULT 0,
    provider_version   BIGINT NOT NULL DEFAULT 0, -- the latest report of the provider that was taken in
    core_state         TEXT NOT NULL DEFAULT '' CHECK (core_state IN ('', 'waiting', 'done', 'refused')),
    received_on        TEXT NOT NULL DEFAULT '', -- value date of the money
    created_at         BIGINT NOT NULL,
    settled_at         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX payment_account ON payment (billing_account_id, id);

CREATE TABLE refund (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id         BIGINT NOT NULL REFERENCES payment (id),
    billing_account_id BIGINT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    currency           TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('requested', 'funded', 'settled', 'failed')),
    key                TEXT NOT NULL UNIQUE,
    provider_reference TEXT UNIQUE,
    reason             TEXT NOT NULL,
    failure            TEXT NOT NULL DEFAULT '',
    created_at         BIGINT NOT NULL,
    settled_at         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX refund_payment ON refund (payment_id);

-- Money of a balance in the charging core that somebody adds or takes for a reason. It is a row first; a job asks the core.
CREATE TABLE balance_adjustment (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount <> 0), -- millionths; below zero is taken
    currency           TEXT NOT NULL,
    reason             TEXT NOT NULL,
    asked_by           TEXT NOT NULL DEFAULT '',
    approved_by        TEXT NOT NULL DEFAULT '',
    key                TEXT NOT NULL UNIQUE,
    state              TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'refused')),
    failure            TEXT NOT NULL DEFAULT '',
    created_at         BIGINT NOT NULL,
    done_at            BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE chargeback (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id         BIGINT NOT NULL UNIQUE REFERENCES payment (id),
    billing_account_id BIGINT NOT NULL,
    amount             BIGINT NOT NULL CHECK (amount > 0),
    from_credit        BIGINT NOT NULL, -- what the customer owes again or has no longer
    from_core          BIGINT NOT NULL, -- taken from the prepaid balance in the core
    from_loss          BIGINT NOT NULL, -- what nothing was left of: a loss
    currency           TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('lost', 'won')),
    core_state         TEXT NOT NULL DEFAULT '' CHECK (core_state IN ('', 'waiting', 'done', 'refused')),
    provider_version   BIGINT NOT NULL, -- of the report that brought it to this state
    created_at         BIGINT NOT NULL
);

-- What the provider told us, as it came: one row an event, however often it is sent.
CREATE TABLE provider_event (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT NOT NULL UNIQUE,
    type         TEXT NOT NULL,
    subject      TEXT NOT NULL, -- the provider's name of the payment
    payload      TEXT NOT NULL,
    received_at  BIGINT NOT NULL,
    processed_at BIGINT NOT NULL DEFAULT 0,
    outcome      TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'applied', 'ignored', 'parked')),
    note         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX provider_event_parked ON provider_event (id) WHERE outcome IN ('', 'parked');

CREATE TABLE dunning_policy (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL, -- JSON
    created_at BIGINT NOT NULL
);

CREATE TABLE dunning_case (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    opened_on          TEXT NOT NULL,
    overdue_since      TEXT NOT NULL,
    overdue            BIGINT NOT NULL,
    currency           TEXT NOT NULL,
    step               INTEGER NOT NULL DEFAULT 0, -- the last that was taken
    suspended          BOOLEAN NOT NULL DEFAULT FALSE,
    checked_on         TEXT NOT NULL,
    hold_until         TEXT NOT NULL DEFAULT '',
    hold_reason        TEXT NOT NULL DEFAULT '',
    closed_at          BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX dunning_case_one ON dunning_case (billing_account_id) WHERE state = 'open';
CREATE INDEX dunning_case_suspended ON dunning_case (billing_account_id) WHERE suspended;

CREATE TABLE dunning_action (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id   BIGINT NOT NULL REFERENCES dunning_case (id),
    step      INTEGER NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('reminder', 'fee', 'suspend', 'terminate', 'write_off', 'resume')),
    overdue   BIGINT NOT NULL,
    done_on   TEXT NOT NULL,
    done_at   BIGINT NOT NULL,
    reference TEXT NOT NULL DEFAULT '',
    UNIQUE (case_id, step, kind)
);

-- The accounts whose lines a case has suspended: those that it paid for then.
CREATE TABLE dunning_suspended (
    case_id            BIGINT NOT NULL REFERENCES dunning_case (id),
    billing_account_id BIGINT NOT NULL REFERENCES billing_account (id),
    PRIMARY KEY (case_id, billing_account_id)
);

-- A run of dunning: it looks at one account after the other, and is as far as after_account says. At most one is at work.
CREATE TABLE dunning_run (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    as_of         TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('running', 'done')),
    accounts      BIGINT NOT NULL, -- to be looked at when it began
    after_account BIGINT NOT NULL DEFAULT 0, -- the last that was looked at
    checked       BIGINT NOT NULL DEFAULT 0,
    opened        BIGINT NOT NULL DEFAULT 0, -- cases
    closed        BIGINT NOT NULL DEFAULT 0,
    parked        BIGINT NOT NULL DEFAULT 0, -- accounts that could not be dunned
    steps         TEXT NOT NULL DEFAULT '{}', -- JSON: how many were taken, by kind
    started_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    finished_at   BIGINT NOT NULL DEFAULT 0,
    started_by    TEXT NOT NULL
);
CREATE UNIQUE INDEX dunning_run_one ON dunning_run (state) WHERE state = 'running';

-- Accounts that could not be dunned, with the reason, by the last run that tried: one that could be, or owes nothing any
-- more, leaves.
CREATE TABLE dunning_parked (
    billing_account_id BIGINT PRIMARY KEY,
    run_id             BIGINT NOT NULL REFERENCES dunning_run (id),
    reason             TEXT NOT NULL,
    since              BIGINT NOT NULL
);
CREATE INDEX dunning_parked_run ON dunning_parked (run_id, billing_account_id);
