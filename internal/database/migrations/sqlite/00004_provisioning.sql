-- +goose Up
-- An order (TMF 622): what a billing account wants changed. version counts its writes: who drives an order from an older
-- version than there is has been overtaken. wake_at is when the workflow has to look at it next, 0 when nothing but a
-- person or another order moves it. cancellation_id is the wish to cancel it that is being carried out.
CREATE TABLE product_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    external_id TEXT NOT NULL DEFAULT '',
    billing_account_id BIGINT NOT NULL REFERENCES billing_account (id),
    customer_id BIGINT NOT NULL REFERENCES customer (id),
    state TEXT NOT NULL CHECK (state IN ('acknowledged', 'rejected', 'pending', 'held', 'inProgress', 'cancelled', 'completed',
        'failed', 'partial', 'assessingCancellation', 'pendingCancellation')),
    reason TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    request TEXT NOT NULL DEFAULT '',
    placed_by TEXT NOT NULL,
    requested_start_at BIGINT NOT NULL DEFAULT 0,
    requested_completion_at BIGINT NOT NULL DEFAULT 0,
    expected_completion_at BIGINT NOT NULL DEFAULT 0,
    jeopardy BOOLEAN NOT NULL DEFAULT FALSE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    started_at BIGINT NOT NULL DEFAULT 0,
    completed_at BIGINT NOT NULL DEFAULT 0,
    wake_at BIGINT NOT NULL DEFAULT 0,
    cancellation_id BIGINT,
    version BIGINT NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX product_order_external_id ON product_order (billing_account_id, external_id) WHERE external_id <> '';
CREATE INDEX product_order_account ON product_order (billing_account_id, id);
CREATE INDEX product_order_state ON product_order (state, id);
CREATE INDEX product_order_wake ON product_order (wake_at) WHERE wake_at > 0;
CREATE INDEX product_order_expected ON product_order (expected_completion_at)
    WHERE jeopardy = FALSE AND state IN ('acknowledged', 'pending', 'held', 'inProgress');

-- One thing that an order changes. change says what the action comes to; plan is what the catalogue said when the order was
-- placed (prices, discounts, tasks' profiles); line is by which names the network and the core know the line.
CREATE TABLE product_order_item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id BIGINT NOT NULL REFERENCES product_order (id),
    position BIGINT NOT NULL CHECK (position > 0),
    action TEXT NOT NULL CHECK (action IN ('add', 'modify', 'delete', 'noChange')),
    change TEXT NOT NULL CHECK (change IN ('activate', 'add_on', 'change_plan', 'suspend', 'resume', 'terminate', 'end_add_on', 'none')),
    state TEXT NOT NULL CHECK (state IN ('acknowledged', 'rejected', 'pending', 'held', 'inProgress', 'cancelled', 'completed',
        'failed', 'partial', 'assessingCancellation', 'pendingCancellation')),
    reason TEXT NOT NULL DEFAULT '',
    offering_id BIGINT REFERENCES product_offering (id),
    product_id BIGINT,
    subscription_id BIGINT REFERENCES subscription (id),
    due_at BIGINT NOT NULL DEFAULT 0,
    characteristics TEXT NOT NULL DEFAULT '{}',
    plan TEXT NOT NULL DEFAULT '{}',
    line TEXT NOT NULL DEFAULT '{}',
    UNIQUE (order_id, position)
);
CREATE INDEX product_order_item_product ON product_order_item (product_id);
CREATE INDEX product_order_item_subscription ON product_order_item (subscription_id);

-- What one system has to do for an item. needs are the positions of the tasks that come before; direction is back when the
-- task is being undone. A task that is running was begun, and how it ended is not known yet; effect says that an attempt may have
-- changed something.
CREATE TABLE order_task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id BIGINT NOT NULL, -- of its item
    item_id BIGINT NOT NULL REFERENCES product_order_item (id),
    position BIGINT NOT NULL CHECK (position > 0),
    name TEXT NOT NULL,
    element TEXT NOT NULL,
    operation TEXT NOT NULL,
    needs TEXT NOT NULL DEFAULT '[]',
    no_return BOOLEAN NOT NULL DEFAULT FALSE,
    direction TEXT NOT NULL DEFAULT 'forward' CHECK (direction IN ('forward', 'back')),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'fallout', 'skipped', 'cancelled')),
    attempts BIGINT NOT NULL DEFAULT 0,
    effect BOOLEAN NOT NULL DEFAULT FALSE,
    not_before BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL DEFAULT 0,
    finished_at BIGINT NOT NULL DEFAULT 0,
    cause_code TEXT NOT NULL DEFAULT '',
    cause TEXT NOT NULL DEFAULT '',
    suggestion TEXT NOT NULL DEFAULT '',
    resolved_by TEXT NOT NULL DEFAULT '',
    UNIQUE (order_id, position)
);
-- By the cause and not by the state, which changes with each step: PostgreSQL writes no index for an update of columns that are in none.
CREATE INDEX order_task_fallout ON order_task (id) WHERE cause_code <> '';

-- Which order is changing a line: one at a time.
CREATE TABLE line_lock (
    subscription_id BIGINT PRIMARY KEY REFERENCES subscription (id),
    order_id BIGINT NOT NULL REFERENCES product_order (id)
);

-- Which order is changing what an account has beside its lines: one at a time.
CREATE TABLE account_lock (
    billing_account_id BIGINT PRIMARY KEY REFERENCES billing_account (id),
    order_id BIGINT NOT NULL REFERENCES product_order (id)
);

-- A wish to cancel an order (TMF 622 cancelProductOrder), and what became of it.
CREATE TABLE order_cancellation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id BIGINT NOT NULL REFERENCES product_order (id),
    reason TEXT NOT NULL DEFAULT '',
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('acknowledged', 'inProgress', 'done', 'terminatedWithError')),
    outcome TEXT NOT NULL DEFAULT '',
    requested_at BIGINT NOT NULL,
    effective_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX order_cancellation_order ON order_cancellation (order_id);

-- What a customer has (TMF 637).
CREATE TABLE product (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    offering_id BIGINT NOT NULL REFERENCES product_offering (id),
    subscription_id BIGINT REFERENCES subscription (id),
    billing_account_id BIGINT NOT NULL REFERENCES billing_account (id),
    name TEXT NOT NULL,
    add_on BOOLEAN NOT NULL DEFAULT FALSE,
    charging_offer TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('created', 'pendingActive', 'active', 'suspended', 'pendingTerminate', 'terminated', 'cancelled')),
    characteristics TEXT NOT NULL DEFAULT '{}',
    order_item_id BIGINT REFERENCES product_order_item (id),
    commitment_until BIGINT NOT NULL DEFAULT 0,
    activated_at BIGINT NOT NULL DEFAULT 0,
    terminated_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX product_account ON product (billing_account_id, id);
CREATE INDEX product_subscription ON product (subscription_id);
-- A line has one product that is it; what else it has are add-ons.
CREATE UNIQUE INDEX product_line ON product (subscription_id) WHERE add_on = FALSE AND status NOT IN ('terminated', 'cancelled');

-- What a product costs, as the catalogue said when it was ordered: from valid_from until before valid_until (0: open).
CREATE TABLE product_price (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id BIGINT NOT NULL REFERENCES product (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('recurring', 'one_time')),
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    period_months BIGINT NOT NULL DEFAULT 0,
    period_days BIGINT NOT NULL DEFAULT 0,
    in_advance BOOLEAN NOT NULL DEFAULT FALSE,
    prorate BOOLEAN NOT NULL DEFAULT FALSE,
    tax_category TEXT NOT NULL,
    gl_code TEXT NOT NULL,
    valid_from BIGINT NOT NULL CHECK (valid_from > 0),
    valid_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX product_price_product ON product_price (product_id);

-- What is taken off before tax: a rate in millionths or an amount, the other one 0.
CREATE TABLE product_discount (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id BIGINT NOT NULL REFERENCES product (id),
    name TEXT NOT NULL,
    rate_millionths BIGINT NOT NULL DEFAULT 0 CHECK (rate_millionths BETWEEN 0 AND 1000000),
    amount BIGINT NOT NULL DEFAULT 0 CHECK (amount >= 0),
    currency TEXT NOT NULL DEFAULT '',
    applies_to TEXT NOT NULL DEFAULT 'recurring' CHECK (applies_to IN ('recurring', 'one_time')),
    cycles BIGINT NOT NULL DEFAULT 0,
    valid_from BIGINT NOT NULL CHECK (valid_from > 0),
    valid_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX product_discount_product ON product_discount (product_id);

-- When a product was suspended: from from_at until before until_at (0: it still is): one row for each reason.
CREATE TABLE product_suspension (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id BIGINT NOT NULL REFERENCES product (id),
    reason TEXT NOT NULL,
    from_at BIGINT NOT NULL CHECK (from_at > 0),
    until_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX product_suspension_open ON product_suspension (product_id, reason) WHERE until_at = 0;
CREATE INDEX product_suspension_product ON product_suspension (product_id);

-- What the network does for a product (TMF 638): one row an element.
CREATE TABLE service (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    product_id BIGINT NOT NULL REFERENCES product (id),
    subscription_id BIGINT REFERENCES subscription (id),
    element TEXT NOT NULL,
    profile TEXT NOT NULL DEFAULT '',
    attributes TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL CHECK (state IN ('feasibilityChecked', 'designed', 'reserved', 'inactive', 'active', 'terminated')),
    started_at BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL
);
CREATE INDEX service_product ON service (product_id);
CREATE INDEX service_subscription ON service (subscription_id);

-- Telephone numbers that the operator may give out. A quarantined one rests until quarantined_until. draw scatters them, so
-- that orders that come together do not all want the same one.
CREATE TABLE msisdn (
    number TEXT NOT NULL PRIMARY KEY,
    pool TEXT NOT NULL,
    draw BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('available', 'reserved', 'assigned', 'quarantined')),
    order_id BIGINT REFERENCES product_order (id),
    subscription_id BIGINT REFERENCES subscription (id),
    quarantined_until BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    CHECK ((state = 'available') = (order_id IS NULL AND quarantined_until = 0))
);
CREATE INDEX msisdn_available ON msisdn (pool, draw, number) WHERE state = 'available';
CREATE INDEX msisdn_quarantined ON msisdn (quarantined_until) WHERE state = 'quarantined';

-- Cards, and the identities on them.
CREATE TABLE sim (
    iccid TEXT NOT NULL PRIMARY KEY,
    imsi TEXT NOT NULL UNIQUE,
    pool TEXT NOT NULL,
    draw BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('available', 'reserved', 'assigned', 'quarantined')),
    order_id BIGINT REFERENCES product_order (id),
    subscription_id BIGINT REFERENCES subscription (id),
    quarantined_until BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL,
    CHECK ((state = 'available') = (order_id IS NULL AND quarantined_until = 0))
);
CREATE INDEX sim_available ON sim (pool, draw, iccid) WHERE state = 'available';
CREATE INDEX sim_quarantined ON sim (quarantined_until) WHERE state = 'quarantined';
