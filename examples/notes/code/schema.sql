-- The ledger's tables. Amounts are integers in the currency's smallest unit; nothing here is
-- ever updated except `state` and `response` of a payment.

CREATE TYPE payment_state AS ENUM ('started', 'done', 'failed');

CREATE TABLE account (
    account_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text        NOT NULL UNIQUE,
    currency    char(3)     NOT NULL,
    opened_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE payment (
    payment_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idempotency_key uuid          NOT NULL UNIQUE,
    fingerprint     bytea         NOT NULL,
    order_id        bigint        NOT NULL,
    amount          bigint        NOT NULL CHECK (amount > 0),
    state           payment_state NOT NULL DEFAULT 'started',
    response        jsonb,
    created_at      timestamptz   NOT NULL DEFAULT now(),
    CHECK ((state = 'started') = (response IS NULL))
);

-- The sweeper reads only what is unfinished.
CREATE INDEX payment_unfinished ON payment (created_at) WHERE state = 'started';

-- Double entry: the lines of a posting add up to zero, which the trigger below checks at commit.
CREATE TABLE posting_line (
    posting_id  bigint NOT NULL,
    line        int    NOT NULL,
    account_id  bigint NOT NULL REFERENCES account,
    amount      bigint NOT NULL CHECK (amount <> 0),
    payment_id  bigint REFERENCES payment,
    posted_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (posting_id, line)
);

CREATE FUNCTION posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM posting_line WHERE posting_id = NEW.posting_id) <> 0 THEN
        RAISE EXCEPTION 'posting % does not balance', NEW.posting_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END;
$$;

CREATE CONSTRAINT TRIGGER posting_balances
    AFTER INSERT ON posting_line
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION posting_balances();

-- Balance of every account at the end of each day, for the month-end figures.
CREATE VIEW daily_balance AS
SELECT account_id,
       day,
       sum(moved) OVER (PARTITION BY account_id ORDER BY day) AS balance
FROM (
    SELECT account_id, posted_at::date AS day, sum(amount) AS moved
    FROM posting_line
    GROUP BY account_id, posted_at::date
) AS per_day;
