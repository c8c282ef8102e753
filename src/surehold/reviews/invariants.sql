-- REV1: The stars of a product are those of its published reviews.
SELECT coalesce(kept.product_id, real.product_id) AS product_id,
       coalesce(kept.stars, real.stars) AS stars, kept.count AS kept, real.count AS counted
  FROM (SELECT product_id, stars, count FROM review_counts WHERE count > 0) AS kept
  FULL JOIN (SELECT product_id, stars, count(*) AS count
               FROM reviews
              WHERE state = 'published'
              GROUP BY product_id, stars) AS real
    ON real.product_id = kept.product_id
   AND real.stars = kept.stars
 WHERE kept.count IS DISTINCT FROM real.count;

-- REV2: A review's history leads from its writing to its state.
SELECT reviews.id, reviews.state, reviews.version
  FROM reviews
  LEFT JOIN review_events AS last
    ON last.review_id = reviews.id
   AND last.seq = reviews.version
 WHERE last.to_state IS DISTINCT FROM reviews.state
    OR reviews.version <> (SELECT count(*)
                             FROM review_events
                            WHERE review_events.review_id = reviews.id);
