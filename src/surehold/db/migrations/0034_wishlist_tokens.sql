-- Whoever signs in has one list of wishes, in every browser that they sign in with.
CREATE TABLE wishlist_tokens (
    token_hash  bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    wishlist_id uuid NOT NULL REFERENCES wishlists (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL
);
CREATE INDEX wishlist_tokens_wishlist_id ON wishlist_tokens (wishlist_id, created_at);
