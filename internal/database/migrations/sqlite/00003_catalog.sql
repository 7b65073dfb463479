-- +goose Up
-- A version of a catalogue as the operator wrote it, and what the charging core is given of it. One document is both halves:
-- charging_source is made of source when it is checked, and published to the core as it stands, however often.
CREATE TABLE catalog_document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    state TEXT NOT NULL CHECK (state IN ('draft', 'checked', 'scheduled', 'published', 'failed', 'withdrawn')),
    reason TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL,
    charging_source TEXT NOT NULL DEFAULT '',
    charging_version BIGINT NOT NULL DEFAULT 0,
    effective_at BIGINT NOT NULL DEFAULT 0,
    applied_at BIGINT NOT NULL DEFAULT 0,
    submitted_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (name, version)
);
CREATE INDEX catalog_document_state ON catalog_document (state, id);

-- What a product is made of (TMF 620 ProductSpecification): its components are what has to be set up for it.
CREATE TABLE product_specification (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    document_id BIGINT REFERENCES catalog_document (id),
    description TEXT NOT NULL DEFAULT '',
    brand TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('draft', 'active', 'retired')),
    valid_from BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (name, version)
);

-- One resource or service of a specification, in the order in which they are named.
CREATE TABLE specification_component (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    specification_id BIGINT NOT NULL REFERENCES product_specification (id),
    position BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('msisdn', 'sim', 'hss', 'pcrf', 'account', 'subscriber', 'subscription')),
    profile TEXT NOT NULL DEFAULT '',
    attributes TEXT NOT NULL DEFAULT '{}',
    UNIQUE (specification_id, position)
);

-- A version of an offer (TMF 620 ProductOffering). Products keep the version that they were ordered with. document_id is
-- NULL, and version 0, while an offer is only proposed: no document has it.
CREATE TABLE product_offering (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    catalog TEXT NOT NULL,
    document_id BIGINT REFERENCES catalog_document (id),
    title TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    category TEXT NOT NULL DEFAULT '',
    kind TEXT NOT NULL CHECK (kind IN ('prepaid', 'postpaid')),
    status TEXT NOT NULL CHECK (status IN ('draft', 'active', 'retired')),
    addon BOOLEAN NOT NULL DEFAULT FALSE,
    sellable BOOLEAN NOT NULL DEFAULT TRUE,
    specification_id BIGINT REFERENCES product_specification (id),
    charging_offer TEXT NOT NULL DEFAULT '',
    currency TEXT NOT NULL,
    valid_from BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    segments TEXT NOT NULL DEFAULT '',
    commitment_months BIGINT NOT NULL DEFAULT 0,
    minimum_commitment BIGINT NOT NULL DEFAULT 0,
    digest TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (name, version)
);
CREATE INDEX product_offering_validity ON product_offering (catalog, name, valid_from);

-- What an offer costs. A usage price says how usage of a service is booked; what it costs is in the charging catalogue, and
-- description has it in words.
CREATE TABLE product_offering_price (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    offering_id BIGINT NOT NULL REFERENCES product_offering (id),
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    titles TEXT NOT NULL DEFAULT '{}', -- of usage: what people call the service, by language
    description TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL CHECK (type IN ('recurring', 'one_time', 'usage')),
    amount BIGINT NOT NULL DEFAULT 0,
    currency TEXT NOT NULL,
    period_months BIGINT NOT NULL DEFAULT 0,
    period_days BIGINT NOT NULL DEFAULT 0,
    in_advance BOOLEAN NOT NULL DEFAULT TRUE,
    prorate BOOLEAN NOT NULL DEFAULT FALSE,
    tax_category TEXT NOT NULL DEFAULT 'standard' CHECK (tax_category IN ('standard', 'reduced', 'zero')),
    gl_code TEXT NOT NULL DEFAULT '',
    UNIQUE (offering_id, position)
);

-- What lowers an offer's prices, before tax. rate_millionths or amount is set; a coupon has to be named when ordering;
-- valid_from and valid_until are when it has to be ordered.
CREATE TABLE offering_discount (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    offering_id BIGINT NOT NULL REFERENCES product_offering (id),
    position BIGINT NOT NULL,
    name TEXT NOT NULL,
    rate_millionths BIGINT NOT NULL DEFAULT 0 CHECK (rate_millionths >= 0 AND rate_millionths <= 1000000),
    amount BIGINT NOT NULL DEFAULT 0 CHECK (amount >= 0),
    applies_to TEXT NOT NULL CHECK (applies_to IN ('recurring', 'one_time')),
    cycles BIGINT NOT NULL DEFAULT 0,
    coupon TEXT NOT NULL DEFAULT '',
    valid_from BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    UNIQUE (offering_id, position)
);

-- Which other offers an offer requires or excludes, by name: any version of them.
CREATE TABLE offering_relation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    offering_id BIGINT NOT NULL REFERENCES product_offering (id),
    type TEXT NOT NULL CHECK (type IN ('requires', 'excludes')),
    other TEXT NOT NULL,
    UNIQUE (offering_id, type, other)
);
