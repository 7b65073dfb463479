-- +goose Up
-- A person or an organisation (TMF 632), whatever it is to the operator.
CREATE TABLE party (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('individual', 'organization')),
    given_name TEXT NOT NULL DEFAULT '',
    family_name TEXT NOT NULL DEFAULT '',
    legal_name TEXT NOT NULL DEFAULT '',
    birth_date TEXT NOT NULL DEFAULT '',
    tax_id TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT 'en',
    status TEXT NOT NULL DEFAULT 'initialized' CHECK (status IN ('initialized', 'validated', 'deceased', 'closed')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX party_family_name ON party (family_name);
CREATE INDEX party_legal_name ON party (legal_name);

-- How a party is reached. A webhook's secret signs what is sent to it.
CREATE TABLE contact_medium (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    party_id BIGINT NOT NULL REFERENCES party (id),
    kind TEXT NOT NULL CHECK (kind IN ('email', 'phone', 'postal', 'webhook')),
    value TEXT NOT NULL DEFAULT '',
    street TEXT NOT NULL DEFAULT '',
    city TEXT NOT NULL DEFAULT '',
    postcode TEXT NOT NULL DEFAULT '',
    country TEXT NOT NULL DEFAULT '',
    secret TEXT NOT NULL DEFAULT '',
    preferred BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX contact_medium_party ON contact_medium (party_id);
CREATE INDEX contact_medium_value ON contact_medium (value);

-- What a party agreed to: one row a decision, the last of a purpose holds.
CREATE TABLE consent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    party_id BIGINT NOT NULL REFERENCES party (id),
    purpose TEXT NOT NULL,
    granted BOOLEAN NOT NULL,
    source TEXT NOT NULL DEFAULT '',
    at BIGINT NOT NULL
);
CREATE INDEX consent_party ON consent (party_id, purpose, id);

-- A party that buys (TMF 629).
CREATE TABLE customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    party_id BIGINT NOT NULL REFERENCES party (id),
    name TEXT NOT NULL,
    segment TEXT NOT NULL CHECK (segment IN ('residential', 'business')),
    status TEXT NOT NULL CHECK (status IN ('initial', 'active', 'suspended', 'closed')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX customer_party ON customer (party_id);
CREATE INDEX customer_name ON customer (name);

-- What is billed and paid together (TMF 666). Money in millionths.
CREATE TABLE billing_account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('prepaid', 'postpaid')),
    charging_account TEXT NOT NULL UNIQUE,
    parent_id BIGINT REFERENCES billing_account (id),
    payer_id BIGINT REFERENCES billing_account (id),
    currency TEXT NOT NULL,
    cycle_day BIGINT NOT NULL CHECK (cycle_day BETWEEN 1 AND 28),
    cycle_months BIGINT NOT NULL DEFAULT 1 CHECK (cycle_months IN (1, 3, 6, 12)),
    time_zone TEXT NOT NULL,
    terms_days BIGINT NOT NULL DEFAULT 14 CHECK (terms_days BETWEEN 0 AND 365),
    tax_region TEXT NOT NULL,
    tax_exempt BOOLEAN NOT NULL DEFAULT FALSE,
    delivery TEXT NOT NULL CHECK (delivery IN ('email', 'post', 'none')),
    credit_limit BIGINT NOT NULL DEFAULT 0 CHECK (credit_limit >= 0),
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK (parent_id <> id),
    CHECK (payer_id <> id)
);
CREATE INDEX billing_account_customer ON billing_account (customer_id);
CREATE INDEX billing_account_parent ON billing_account (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX billing_account_payer ON billing_account (payer_id) WHERE payer_id IS NOT NULL;
CREATE INDEX billing_account_cycle ON billing_account (cycle_day, id);

-- A line. What is not known yet is empty.
CREATE TABLE subscription (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    billing_account_id BIGINT NOT NULL REFERENCES billing_account (id),
    msisdn TEXT NOT NULL DEFAULT '',
    imsi TEXT NOT NULL DEFAULT '',
    iccid TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('ordered', 'active', 'suspended', 'terminated')),
    activated_at BIGINT NOT NULL DEFAULT 0,
    terminated_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX subscription_account ON subscription (billing_account_id);
-- A number, an identity and a card are of one line at a time.
CREATE UNIQUE INDEX subscription_msisdn ON subscription (msisdn) WHERE msisdn <> '' AND status <> 'terminated';
CREATE UNIQUE INDEX subscription_imsi ON subscription (imsi) WHERE imsi <> '' AND status <> 'terminated';
CREATE UNIQUE INDEX subscription_iccid ON subscription (iccid) WHERE iccid <> '' AND status <> 'terminated';

-- A call, mail or chat with a customer.
CREATE TABLE interaction (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    billing_account_id BIGINT REFERENCES billing_account (id),
    channel TEXT NOT NULL CHECK (channel IN ('call', 'email', 'chat', 'shop', 'letter', 'system')),
    direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    subject TEXT NOT NULL,
    text TEXT NOT NULL DEFAULT '',
    actor TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX interaction_customer ON interaction (customer_id, id);

-- Something a customer waits for (states of TMF 621).
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    billing_account_id BIGINT REFERENCES billing_account (id),
    kind TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('minor', 'major', 'critical')),
    state TEXT NOT NULL CHECK (state IN ('acknowledged', 'inProgress', 'pending', 'resolved', 'closed', 'cancelled')),
    subject TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    assigned_to TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    resolved_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX ticket_customer ON ticket (customer_id, id);
CREATE INDEX ticket_state ON ticket (state, id);

CREATE TABLE ticket_note (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ticket_id BIGINT NOT NULL REFERENCES ticket (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX ticket_note_ticket ON ticket_note (ticket_id, id);

-- The outbox: what is to be told to whom, one row a key and channel. A job
-- sends it.
CREATE TABLE notification (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'webhook', 'none')),
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    billing_account_id BIGINT REFERENCES billing_account (id),
    template TEXT NOT NULL,
    language TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',
    contact_medium_id BIGINT REFERENCES contact_medium (id),
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    data TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed', 'suppressed')),
    reason TEXT NOT NULL DEFAULT '',
    attempts BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL DEFAULT 0,
    UNIQUE (key, channel)
);
CREATE INDEX notification_customer ON notification (customer_id, id);
CREATE INDEX notification_open ON notification (state, id) WHERE state IN ('pending', 'failed');

CREATE TABLE notification_attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    notification_id BIGINT NOT NULL REFERENCES notification (id),
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused', 'failed')),
    reply TEXT NOT NULL DEFAULT '',
    UNIQUE (notification_id, number)
);
