-- What buyers say of products: one review per account and product, read by staff before anybody
-- else reads it.

CREATE TABLE reviews (
    id            uuid PRIMARY KEY,
    product_id    uuid NOT NULL REFERENCES products,
    account_id    uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    stars         int NOT NULL CHECK (stars BETWEEN 1 AND 5),
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    body          text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
    author        text NOT NULL CHECK (length(author) BETWEEN 1 AND 60),
    -- Whether the account had bought the product when it wrote.
    is_verified   boolean NOT NULL,
    state         text NOT NULL CHECK (state IN ('pending', 'published', 'rejected')),
    version       int NOT NULL DEFAULT 1,
    changed_by    text NOT NULL,
    change_reason text NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT reviews_one_of_each UNIQUE (product_id, account_id)
);
CREATE INDEX reviews_published ON reviews (product_id, id) WHERE state = 'published';
CREATE INDEX reviews_by_state ON reviews (state, id);
CREATE INDEX reviews_account ON reviews (account_id);

CREATE TABLE review_events (
    review_id   uuid NOT NULL REFERENCES reviews ON DELETE CASCADE,
    seq         int NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (review_id, seq)
);
-- A review goes with its account, and its history with it; nothing else takes a line out.
CREATE TRIGGER review_events_append_only BEFORE UPDATE ON review_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How many published reviews give a product so many stars. Buyers who write never touch a row: it
-- changes when staff publish or take down, one review at a time.
CREATE TABLE review_counts (
    product_id uuid NOT NULL REFERENCES products,
    stars      int NOT NULL CHECK (stars BETWEEN 1 AND 5),
    count      int NOT NULL CHECK (count >= 0),
    PRIMARY KEY (product_id, stars)
);

-- The allowed moves; a test compares them with the table in reviews/states.py.
CREATE FUNCTION check_review_move() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END;
BEGIN
    IF (coalesce(before, ''), NEW.state) NOT IN (
           ('', 'pending'),
           ('pending', 'published'),
           ('pending', 'rejected'),
           ('published', 'rejected'),
           ('rejected', 'published')) THEN
        RAISE EXCEPTION 'review %: % does not lead to %', NEW.id, before, NEW.state
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF before IS NOT NULL THEN
        NEW.version := OLD.version + 1;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reviews_check_move BEFORE INSERT OR UPDATE OF state ON reviews
    FOR EACH ROW EXECUTE FUNCTION check_review_move();

-- What was said is not changed afterwards, by nobody.
CREATE FUNCTION keep_review_words() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'review %: what was said stays as it was said', OLD.id
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER reviews_words_stay
    BEFORE UPDATE OF product_id, account_id, stars, title, body, is_verified ON reviews
    FOR EACH ROW EXECUTE FUNCTION keep_review_words();

CREATE FUNCTION count_review() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    was boolean := TG_OP <> 'INSERT' AND OLD.state = 'published';
    becomes boolean := TG_OP <> 'DELETE' AND NEW.state = 'published';
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO review_events (review_id, seq, from_state, to_state, actor, reason, happened_at)
        VALUES (NEW.id, NEW.version, CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state,
                NEW.changed_by, NEW.change_reason, NEW.updated_at);
    END IF;
    IF becomes AND NOT was THEN
        INSERT INTO review_counts (product_id, stars, count) VALUES (NEW.product_id, NEW.stars, 1)
        ON CONFLICT (product_id, stars) DO UPDATE SET count = review_counts.count + 1;
    ELSIF was AND NOT becomes THEN
        UPDATE review_counts SET count = count - 1
         WHERE product_id = OLD.product_id AND stars = OLD.stars;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER reviews_count AFTER INSERT OR DELETE OR UPDATE OF state ON reviews
    FOR EACH ROW EXECUTE FUNCTION count_review();
