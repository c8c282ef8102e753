-- What a misspelled search may have meant. Only where the server has pg_trgm and lets us use it;
-- elsewhere nothing is near anything, and searching is as it was. The extension is one for all
-- stores of a database, wherever it already is. The index is built here and now: only whoever changes
-- the catalog waits for it, and no buyer.
DO $migration$
DECLARE
    place text;
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
        EXCEPTION
            -- Not permitted, no such schema, or another store has just made it.
            WHEN insufficient_privilege OR invalid_schema_name OR unique_violation THEN NULL;
        END;
    END IF;
    SELECT quote_ident(nspname) INTO place
      FROM pg_extension
      JOIN pg_namespace ON pg_namespace.oid = extnamespace
     WHERE extname = 'pg_trgm';
    IF place IS NULL THEN
        CREATE FUNCTION near_names(words text, most integer) RETURNS SETOF text
        LANGUAGE sql STABLE
        AS 'SELECT NULL::text WHERE false';
    ELSE
        EXECUTE replace($index$
            CREATE INDEX products_name_trigrams ON products USING gin (name place.gin_trgm_ops)
        $index$, 'place.', place || '.');
        EXECUTE replace($function$
            CREATE FUNCTION near_names(words text, most integer) RETURNS SETOF text
            LANGUAGE sql STABLE
            SET pg_trgm.word_similarity_threshold = '0.3'
            AS $body$
    SELECT name
      FROM products
     WHERE status = 'active'
       AND name OPERATOR(place.%>) words
     ORDER BY place.word_similarity(words, name) DESC, name
     LIMIT most
$body$
        $function$, 'place.', place || '.');
    END IF;
END
$migration$;
