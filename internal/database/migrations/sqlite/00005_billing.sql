-- +goose Up

-- Rated usage as the core wrote it, each record once. A run claims records by range, account by account, and writes none of
-- them: occurred_at never decreases from record to record, so that "before the end of the cycle" is "up to a record".
-- There are no foreign keys on what is copied by the million; the program writes ids that it has just read.
CREATE TABLE usage_record (
    record             BIGINT PRIMARY KEY, -- the core's number
    billing_account_id BIGINT NOT NULL,
    subscription_id    BIGINT, -- NULL: the account's own, or a line that the office does not know
    opened_at          BIGINT NOT NULL,
    occurred_at        BIGINT NOT NULL, -- when it was closed; not before the record in front of it
    kind               TEXT NOT NULL, -- session, event or refund
    service            TEXT NOT NULL,
    offer              TEXT NOT NULL,
    called             TEXT NOT NULL,
    unit               TEXT NOT NULL,
    used               BIGINT NOT NULL,
    billed             BIGINT NOT NULL,
    charged            BIGINT NOT NULL, -- millionths; negative for refunds
    currency           TEXT NOT NULL
);
CREATE INDEX usage_record_account ON usage_record (billing_account_id, record);

-- How far a feed was read; written in the transaction of its records.
CREATE TABLE usage_cursor (
    name       TEXT PRIMARY KEY,
    after      BIGINT NOT NULL, -- the last record read
    latest     BIGINT NOT NULL, -- the feed's newest when it was asked last
    latest_at  BIGINT NOT NULL, -- occurred_at of the last record stored
    updated_at BIGINT NOT NULL
);

-- Records of accounts that the office does not know. They are stored once there is an account of that name.
CREATE TABLE usage_parked (
    record           BIGINT PRIMARY KEY,
    charging_account TEXT NOT NULL,
    reason           TEXT NOT NULL,
    payload          TEXT NOT NULL,
    parked_at        BIGINT NOT NULL
);
CREATE INDEX usage_parked_account ON usage_parked (charging_account, record);

-- How far an account is billed. version counts its bills: whoever computed one from an older version must begin again.
CREATE TABLE billing_state (
    billing_account_id BIGINT PRIMARY KEY,
    billed_until       TEXT NOT NULL, -- the day on which the next cycle begins, in the account's zone
    usage_after        BIGINT NOT NULL, -- the last record on a bill
    version            BIGINT NOT NULL,
    revision           INTEGER NOT NULL DEFAULT 0, -- of the next bill: above 0 when its cycle is billed anew
    prior_until        TEXT NOT NULL, -- before the last bill, to which billing anew goes back
    prior_usage_after  BIGINT NOT NULL,
    settled            BIGINT NOT NULL DEFAULT 0 -- usage on the next bill that the core has settled already, for one that was billed anew
);

-- What is charged of a product's price: see the charge package of billing.
CREATE TABLE price_state (
    product_price_id BIGINT PRIMARY KEY,
    charged_until    TEXT NOT NULL, -- the day before which everything owed is charged
    settled          TEXT NOT NULL, -- days before it are neither charged nor credited any more
    charged          TEXT NOT NULL, -- days that are charged, with the lines that charged them
    version          BIGINT NOT NULL, -- the account's, at the bill that changed it last
    prior_settled    TEXT NOT NULL, -- before that bill
    prior_charged    TEXT NOT NULL
);

CREATE TABLE invoice_run (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    as_of         TEXT NOT NULL,
    mode          TEXT NOT NULL CHECK (mode IN ('dry', 'draft', 'final')),
    state         TEXT NOT NULL CHECK (state IN ('running', 'done', 'reviewed', 'cancelled', 'superseded', 'committed')),
    usage_through BIGINT NOT NULL, -- records behind it are for a later run
    account_id    BIGINT NOT NULL DEFAULT 0, -- the only payer that it bills; 0: all
    draft_run     BIGINT NOT NULL DEFAULT 0, -- whose drafts it finalises; 0: it bills what is due
    replaced_by   BIGINT NOT NULL DEFAULT 0, -- the run whose documents took the place of its drafts, the last that did; 0: none did
    accounts      BIGINT NOT NULL, -- due when it began
    invoices      BIGINT NOT NULL,
    statements    BIGINT NOT NULL,
    empty         BIGINT NOT NULL, -- accounts with nothing to bill
    parked        BIGINT NOT NULL,
    lines         BIGINT NOT NULL,
    totals        TEXT NOT NULL, -- JSON: net, tax and total by currency
    digest        TEXT NOT NULL, -- of all lines and taxes, whatever their order
    comparison    TEXT NOT NULL, -- JSON: how the documents of a dry run, which are not kept, differ from those before; {} of other runs
    started_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    finished_at   BIGINT NOT NULL,
    started_by    TEXT NOT NULL
);
CREATE UNIQUE INDEX invoice_run_running ON invoice_run (as_of, mode, account_id, draft_run) WHERE state = 'running';

-- Accounts that a run could not bill, with the reason. Those it billed have their invoice.
CREATE TABLE invoice_run_account (
    run_id             BIGINT NOT NULL REFERENCES invoice_run (id),
    billing_account_id BIGINT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('parked', 'done')),
    reason             TEXT NOT NULL,
    at                 BIGINT NOT NULL,
    PRIMARY KEY (run_id, billing_account_id)
);
CREATE INDEX invoice_run_account_parked ON invoice_run_account (billing_account_id) WHERE state = 'parked';

-- Who documents are from: a legal entity as the configuration had it when they were made. A row is never changed; what is
-- configured otherwise is another row.
CREATE TABLE invoice_seller (
    digest     TEXT PRIMARY KEY, -- of the columns behind it
    entity     TEXT NOT NULL,
    legal_name TEXT NOT NULL,
    address    TEXT NOT NULL, -- lines
    tax_id     TEXT NOT NULL,
    iban       TEXT NOT NULL
);

CREATE TABLE invoice (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id             BIGINT NOT NULL DEFAULT 0, -- 0: by hand
    billing_account_id BIGINT NOT NULL, -- who pays
    type               TEXT NOT NULL CHECK (type IN ('invoice', 'creditNote', 'statement')),
    state              TEXT NOT NULL CHECK (state IN ('draft', 'reviewed', 'finalised', 'cancelled')),
    number             TEXT UNIQUE, -- drawn when it is finalised; statements have none
    entity             TEXT NOT NULL, -- the legal entity
    seller             TEXT NOT NULL, -- its letterhead: invoice_seller
    recipient_name     TEXT NOT NULL, -- who it is for, as known when it was made; it stays so when they move
    recipient_account  TEXT NOT NULL, -- what the account was called
    recipient_street   TEXT NOT NULL,
    recipient_postcode TEXT NOT NULL,
    recipient_city     TEXT NOT NULL,
    recipient_country  TEXT NOT NULL,
    recipient_tax_id   TEXT NOT NULL,
    language           TEXT NOT NULL, -- that it is printed in
    period_from        TEXT NOT NULL,
    period_until       TEXT NOT NULL, -- the day behind the last
    revision           INTEGER NOT NULL DEFAULT 0, -- counts the bills of one period: 0, and one more for each time it was billed anew
    issued_on          TEXT NOT NULL,
    due_on             TEXT NOT NULL,
    currency           TEXT NOT NULL,
    net                BIGINT NOT NULL,
    tax                BIGINT NOT NULL,
    total              BIGINT NOT NULL,
    tax_region         TEXT NOT NULL,
    prices             TEXT NOT NULL DEFAULT 'exclusive' CHECK (prices IN ('exclusive', 'inclusive')), -- whether invoice_line.exact has tax in it
    lines              INTEGER NOT NULL,
    corrects_id        BIGINT, -- the invoice that a credit note takes back
    set_back           BOOLEAN NOT NULL DEFAULT FALSE, -- its period is billed anew: what it charged and the usage on it are free again
    reason             TEXT NOT NULL DEFAULT '',
    digest             BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    finalised_at       BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX invoice_period ON invoice (billing_account_id, period_until, revision) WHERE corrects_id IS NULL;
CREATE INDEX invoice_corrects ON invoice (corrects_id) WHERE corrects_id IS NOT NULL;
CREATE INDEX invoice_of_run ON invoice (run_id, id);

CREATE TABLE invoice_line (
    invoice_id         BIGINT NOT NULL,
    position           INTEGER NOT NULL,
    kind               TEXT NOT NULL, -- usage, recurring, one_time, discount, minimum, credit
    billing_account_id BIGINT NOT NULL, -- whose it is: the payer's, or of one that it pays for
    product_id         BIGINT NOT NULL,
    subscription_id    BIGINT NOT NULL,
    product_price_id   BIGINT NOT NULL,
    charge_id          BIGINT NOT NULL,
    description        TEXT NOT NULL,
    msisdn             TEXT NOT NULL, -- the telephone number that it is for, empty where it is for none
    service            TEXT NOT NULL, -- of usage: the names by which the core rated it
    offer              TEXT NOT NULL,
    quantity           BIGINT NOT NULL,
    unit               TEXT NOT NULL,
    period_from        TEXT NOT NULL,
    period_until       TEXT NOT NULL,
    period_days        INTEGER NOT NULL,
    exact              BIGINT NOT NULL, -- millionths before rounding
    amount             BIGINT NOT NULL, -- net, rounded to the currency
    tax_category       TEXT NOT NULL,
    tax_code           TEXT NOT NULL,
    tax_rate           BIGINT NOT NULL, -- millionths
    gl_code            TEXT NOT NULL,
    usage_from         BIGINT NOT NULL, -- first and last record, 0 where the line is for none
    usage_through      BIGINT NOT NULL,
    records            BIGINT NOT NULL,
    corrects_invoice   BIGINT NOT NULL,
    corrects_position  INTEGER NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

CREATE TABLE invoice_tax (
    invoice_id    BIGINT NOT NULL,
    position      INTEGER NOT NULL,
    category      TEXT NOT NULL, -- UNCL 5305: S, Z, E, AE, G
    rate_millionths BIGINT NOT NULL,
    base          BIGINT NOT NULL,
    tax           BIGINT NOT NULL,
    reason        TEXT NOT NULL,
    PRIMARY KEY (invoice_id, position)
);

-- One-time charges and credits that wait for the next bill of their account.
CREATE TABLE billing_charge (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL,
    product_id         BIGINT NOT NULL DEFAULT 0,
    kind               TEXT NOT NULL CHECK (kind IN ('one_time', 'credit', 'debit')),
    amount             BIGINT NOT NULL, -- negative for credits
    currency           TEXT NOT NULL,
    description        TEXT NOT NULL,
    tax_category       TEXT NOT NULL,
    gl_code            TEXT NOT NULL DEFAULT '',
    key                TEXT NOT NULL UNIQUE,
    charged_on         TEXT NOT NULL,
    invoice_id         BIGINT,
    created_at         BIGINT NOT NULL
);
CREATE INDEX billing_charge_waiting ON billing_charge (billing_account_id, id) WHERE invoice_id IS NULL;
CREATE INDEX billing_charge_invoice ON billing_charge (invoice_id) WHERE invoice_id IS NOT NULL;

-- What of an invoice's usage the core has to settle: one row for each of its accounts. Written by the run, done by a job.
CREATE TABLE invoice_settlement (
    invoice_id         BIGINT NOT NULL,
    billing_account_id BIGINT NOT NULL,
    charging_account   TEXT NOT NULL,
    amount             BIGINT NOT NULL, -- millionths, exact
    currency           TEXT NOT NULL,
    tried_at           BIGINT NOT NULL DEFAULT 0, -- when the core was asked first; 0: never
    settled_at         BIGINT NOT NULL DEFAULT 0,
    failure            TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (invoice_id, billing_account_id)
);
CREATE INDEX invoice_settlement_waiting ON invoice_settlement (invoice_id) WHERE settled_at = 0;
