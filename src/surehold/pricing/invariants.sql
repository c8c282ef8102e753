-- CPN1: A coupon counts its live redemptions, and stays within its limits, every buyer's included.
SELECT coupons.id, coupons.code, coupons.used, coalesce(live.count, 0) AS live,
       coalesce(live.most, 0) AS most_of_one_buyer
  FROM coupons
  LEFT JOIN (
        SELECT coupon_id, sum(count) AS count, max(count) AS most
          FROM (
                SELECT coupon_id, buyer, count(*) AS count
                  FROM coupon_redemptions
                 WHERE ended_at IS NULL
                 GROUP BY coupon_id, buyer) AS uses
         GROUP BY coupon_id) AS live
    ON live.coupon_id = coupons.id
 WHERE coupons.used <> coalesce(live.count, 0)
    OR coupons.used > coupons.limit_total
    OR live.most > coupons.limit_per_buyer;
