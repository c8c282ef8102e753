-- MON5: One currency per payment, its refunds and its journals; a refund is of its payment's order.
SELECT refund.id, refund.currency, payment.currency AS expected
  FROM refunds AS refund
  JOIN payments AS payment ON payment.id = refund.payment_id
 WHERE refund.currency <> payment.currency
    OR refund.order_id <> payment.order_id
 UNION ALL
SELECT payment.id, entry.currency, payment.currency
  FROM ledger_journals AS journal
  JOIN ledger_entries AS entry ON entry.journal_id = journal.id
  JOIN payments AS payment ON payment.id = journal.reference
 WHERE journal.kind IN ('capture', 'sale')
   AND (entry.currency <> payment.currency OR journal.order_id <> payment.order_id);

-- MON6: Nothing is captured or authorized beyond what was asked for.
SELECT id, state, requested_minor, authorized_minor, captured_minor
  FROM payments
 WHERE captured_minor > requested_minor
    OR authorized_minor > requested_minor
    OR (state = 'captured') <> (captured_minor > 0);

-- RFD1: Refunds that may still go through never exceed what was captured.
SELECT payment.id, payment.captured_minor, sum(refund.amount_minor) AS returning
  FROM payments AS payment
  JOIN refunds AS refund ON refund.payment_id = payment.id AND refund.state <> 'failed'
 GROUP BY payment.id
HAVING sum(refund.amount_minor) > payment.captured_minor;

-- RFD2: What a payment says was refunded is the sum of its refunds that succeeded.
SELECT payment.id, payment.refunded_minor, coalesce(sum(refund.amount_minor), 0) AS refunded
  FROM payments AS payment
  LEFT JOIN refunds AS refund ON refund.payment_id = payment.id AND refund.state = 'succeeded'
 GROUP BY payment.id
HAVING coalesce(sum(refund.amount_minor), 0) <> payment.refunded_minor;

-- RFD3: A refund that was promised is on somebody's list: its provider is asked until it answers, or
-- a person must look. A local one waits for staff and asks nobody.
SELECT refund.id, refund.payment_id, refund.amount_minor, payment.provider
  FROM refunds AS refund
  JOIN payments AS payment ON payment.id = refund.payment_id
 WHERE refund.state = 'requested'
   AND payment.review_reason IS NULL
   AND EXISTS (SELECT FROM payment_operations AS operation
                WHERE operation.payment_id = payment.id)
   AND NOT EXISTS (SELECT FROM payment_operations AS operation
                    WHERE operation.refund_id = refund.id
                      AND operation.state IN ('pending', 'unknown'));

-- LED1: Every journal has entries, and they sum to zero in each currency.
SELECT journal.id, journal.kind, entry.currency, sum(entry.amount_minor) AS balance
  FROM ledger_journals AS journal
  LEFT JOIN ledger_entries AS entry ON entry.journal_id = journal.id
 GROUP BY journal.id, entry.currency
HAVING sum(entry.amount_minor) IS DISTINCT FROM 0;

-- LED2: The whole ledger sums to zero in each currency.
SELECT currency, sum(amount_minor) AS balance
  FROM ledger_entries
 GROUP BY currency
HAVING sum(amount_minor) <> 0;

-- LED3: Every captured payment has one capture journal of its amount, and no other has one.
SELECT coalesce(payment.id, booked.reference) AS payment_id, payment.captured_minor, booked.minor
  FROM (SELECT id, captured_minor FROM payments WHERE state = 'captured') AS payment
  FULL JOIN (
        SELECT journal.id AS journal_id, journal.reference, sum(entry.amount_minor) AS minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'capture'
           AND (starts_with(entry.account, 'provider_clearing:')
                OR entry.account = 'gift_card_liability')
         GROUP BY journal.id) AS booked
    ON booked.reference = payment.id
 WHERE payment.captured_minor IS DISTINCT FROM booked.minor;

-- LED4: What the providers owe for an order, and what cards paid of it, is what was captured less
-- what was refunded, disputed, lost, or taken as a fee; the providers alone owe what was captured by
-- them and did not go back there.
SELECT order_id, collected, booked
  FROM (
        SELECT payments.order_id,
               sum(captured_minor - refunded_minor - disputed_minor - lost_minor
                   - coalesce(fee.minor, 0)) AS collected
          FROM payments
          LEFT JOIN (
                SELECT payment_id, sum(fee_minor) AS minor
                  FROM disputes
                 GROUP BY payment_id) AS fee
            ON fee.payment_id = payments.id
         GROUP BY payments.order_id) AS payment
  FULL JOIN (
        SELECT journal.order_id, sum(entry.amount_minor) AS booked
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind <> 'suspense'
           AND journal.order_id IS NOT NULL
           AND (starts_with(entry.account, 'provider_clearing:')
                OR entry.account = 'gift_card_liability')
         GROUP BY journal.order_id) AS clearing
 USING (order_id)
 WHERE coalesce(collected, 0) <> coalesce(booked, 0)
 UNION ALL
SELECT order_id, collected, booked
  FROM (
        SELECT payment.order_id,
               sum(payment.captured_minor - coalesce(back.minor, 0)
                   - payment.disputed_minor - payment.lost_minor
                   - coalesce(fee.minor, 0)) AS collected
          FROM payments AS payment
          LEFT JOIN (
                SELECT payment_id, sum(fee_minor) AS minor
                  FROM disputes
                 GROUP BY payment_id) AS fee
            ON fee.payment_id = payment.id
          LEFT JOIN (
                SELECT payment_id, sum(amount_minor) AS minor
                  FROM refunds
                 WHERE state = 'succeeded'
                   AND store_credit_id IS NULL
                 GROUP BY payment_id) AS back
            ON back.payment_id = payment.id
         WHERE payment.gift_card_id IS NULL
         GROUP BY payment.order_id) AS payment
  FULL JOIN (
        SELECT journal.order_id, sum(entry.amount_minor) AS booked
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind <> 'suspense'
           AND journal.order_id IS NOT NULL
           AND starts_with(entry.account, 'provider_clearing:')
         GROUP BY journal.order_id) AS clearing
 USING (order_id)
 WHERE coalesce(collected, 0) <> coalesce(booked, 0);

-- LED5: Every refund that succeeded has one refund journal of its amount, and no other has one.
SELECT coalesce(refund.id, booked.reference) AS refund_id, refund.amount_minor, booked.minor
  FROM (SELECT id, amount_minor FROM refunds WHERE state = 'succeeded') AS refund
  FULL JOIN (
        SELECT journal.id AS journal_id, journal.reference, -sum(entry.amount_minor) AS minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'refund'
           AND (starts_with(entry.account, 'provider_clearing:')
                OR entry.account = 'gift_card_liability')
         GROUP BY journal.id) AS booked
    ON booked.reference = refund.id
 WHERE refund.amount_minor IS DISTINCT FROM booked.minor;

-- STL1: Every fee that a provider's report says was kept is booked once, and nothing else is. That of
-- a dispute is booked by its row, or was when people wrote it down; never both.
SELECT coalesce(said.id, booked.reference) AS row_id, said.fee_minor, booked.minor
  FROM (
        SELECT id,
               CASE WHEN NOT EXISTS (
                    SELECT FROM disputes AS dispute
                      JOIN dispute_events AS event ON event.dispute_id = dispute.id
                      JOIN ledger_journals AS journal
                        ON journal.kind = 'dispute_fee'
                       AND journal.reference = event.id
                     WHERE part.kind IN ('dispute', 'dispute_reversal', 'fee')
                       AND (dispute.provider, dispute.account) = (part.provider, part.account)
                       AND dispute.provider_dispute_id = part.provider_object_id
                       AND dispute.currency = part.currency)
               THEN fee_minor END AS fee_minor
          FROM settlement_rows AS part
         WHERE fee_minor <> 0) AS said
  FULL JOIN (
        SELECT journal.reference, sum(entry.amount_minor) AS minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'provider_fee'
           AND entry.account = 'provider_fees'
         GROUP BY journal.id) AS booked
    ON booked.reference = said.id
 WHERE said.fee_minor IS DISTINCT FROM booked.minor;

-- STL2: Every payout that a provider's report has is booked once, and nothing else is.
SELECT coalesce(said.id, booked.reference) AS row_id, said.gross_minor, booked.minor
  FROM (SELECT id, gross_minor FROM settlement_rows WHERE kind = 'payout') AS said
  FULL JOIN (
        SELECT journal.reference, sum(entry.amount_minor) AS minor
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'provider_payout'
           AND starts_with(entry.account, 'provider_clearing:')
         GROUP BY journal.id) AS booked
    ON booked.reference = said.id
 WHERE said.gross_minor IS DISTINCT FROM booked.minor;

-- STL3: A difference is of the provider whose row or payment it is of.
SELECT difference.id, difference.provider, difference.row_id, difference.payment_id
  FROM settlement_differences AS difference
  LEFT JOIN settlement_rows AS part ON part.id = difference.row_id
  LEFT JOIN payments AS payment ON payment.id = difference.payment_id
 WHERE (difference.provider, difference.account)
       IS DISTINCT FROM (coalesce(part.provider, payment.provider),
                         coalesce(part.account, payment.account));
-- DSP1: What a payment says is disputed and lost is what its disputes say, and so is how often they
-- moved.
SELECT payment.id, payment.disputed_minor, payment.lost_minor, payment.dispute_moves, dispute.away,
       dispute.lost, dispute.moves
  FROM payments AS payment
  LEFT JOIN (
        SELECT payment_id, sum(away_minor) AS away, sum(lost_minor) AS lost, sum(version) AS moves
          FROM disputes
         GROUP BY payment_id) AS dispute
    ON dispute.payment_id = payment.id
 WHERE (payment.disputed_minor, payment.lost_minor, payment.dispute_moves)
       <> (coalesce(dispute.away, 0), coalesce(dispute.lost, 0), coalesce(dispute.moves, 0));

-- DSP2: What is booked of a dispute is where its money is: held back, lost as an expense or out of the
-- deposits, and the fee.
SELECT dispute.id, dispute.state, dispute.away_minor, dispute.lost_minor, booked.away, booked.losses
  FROM disputes AS dispute
  FULL JOIN (
        SELECT event.dispute_id,
               coalesce(sum(entry.amount_minor) FILTER (WHERE account = 'disputes'), 0) AS away,
               coalesce(sum(entry.amount_minor) FILTER (WHERE account = 'dispute_losses'), 0)
               AS losses,
               coalesce(sum(entry.amount_minor) FILTER (WHERE account = 'customer_deposits'), 0)
               AS unearned,
               coalesce(sum(entry.amount_minor) FILTER (WHERE account = 'dispute_fees'), 0) AS fees
          FROM ledger_journals AS journal
          LEFT JOIN dispute_events AS event ON event.id = journal.reference
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind IN ('dispute_opened', 'dispute_won', 'dispute_lost', 'dispute_fee')
         GROUP BY event.dispute_id) AS booked
    ON booked.dispute_id = dispute.id
 WHERE dispute.id IS NULL
    OR (coalesce(booked.away, 0), coalesce(booked.losses, 0), coalesce(booked.unearned, 0),
        coalesce(booked.fees, 0))
       <> (dispute.away_minor, dispute.lost_minor - dispute.unearned_minor,
           dispute.unearned_minor, dispute.fee_minor);

-- DSP3: The history of a dispute is whole: each line begins where the last one ended, and the last is
-- how it stands. It is of its payment, in its currency.
SELECT dispute.id, dispute.state, dispute.version, move.seq, move.to_state
  FROM disputes AS dispute
  JOIN payments AS payment ON payment.id = dispute.payment_id
  LEFT JOIN (
        SELECT dispute_id, seq, from_state, to_state, stage, amount_minor,
               lag(to_state) OVER (PARTITION BY dispute_id ORDER BY seq) AS before,
               row_number() OVER (PARTITION BY dispute_id ORDER BY seq) AS place,
               lead(seq) OVER (PARTITION BY dispute_id ORDER BY seq) IS NULL AS is_last
          FROM dispute_events) AS move
    ON move.dispute_id = dispute.id
 WHERE (dispute.order_id, dispute.currency, dispute.provider, dispute.account)
       <> (payment.order_id, payment.currency, payment.provider, payment.account)
    OR move.seq IS NULL
    OR move.seq <> move.place
    OR move.from_state IS DISTINCT FROM move.before
    OR (move.is_last AND (move.seq, move.to_state, move.stage, move.amount_minor)
                         <> (dispute.version, dispute.state, dispute.stage,
                             dispute.amount_minor));

-- DSP4: What the store says to a dispute is on its way while its provider is asked, and only then.
SELECT dispute.id, dispute.answer_state, operation.state
  FROM disputes AS dispute
  FULL JOIN (
        SELECT id, state, substring(idempotency_key FROM 'dispute-(.{36})-')::uuid AS dispute_id
          FROM payment_operations
         WHERE kind = 'answer_dispute'
           AND state IN ('pending', 'unknown')) AS operation
    ON operation.dispute_id = dispute.id
 WHERE (dispute.answer_state = 'sending') IS DISTINCT FROM (operation.id IS NOT NULL);

-- PAY1: A payment that may still become money is on somebody's list: the provider is asked again,
-- a question is unanswered, or a person must look. A local one waits for staff and asks nobody.
SELECT payment.id, payment.state, payment.provider
  FROM payments AS payment
 WHERE payment.state IN ('pending', 'requires_action', 'authorized', 'unknown')
   AND payment.next_check_at IS NULL
   AND payment.review_reason IS NULL
   AND EXISTS (SELECT FROM payment_operations AS operation
                WHERE operation.payment_id = payment.id)
   AND NOT EXISTS (SELECT FROM payment_operations AS operation
                    WHERE operation.payment_id = payment.id
                      AND operation.state IN ('pending', 'unknown'));

-- PAY2: A question to a provider is due until it is answered, and never after.
SELECT id, payment_id, kind, state, next_attempt_at
  FROM payment_operations
 WHERE (state IN ('pending', 'unknown')) <> (next_attempt_at IS NOT NULL);

-- PAY4: Money under suspense is of a payment that a person must look at.
SELECT journal.id, journal.reference AS payment_id, payment.state, payment.review_reason
  FROM ledger_journals AS journal
  LEFT JOIN payments AS payment ON payment.id = journal.reference
 WHERE journal.kind = 'suspense'
   AND payment.review_reason IS NULL;

-- CSH1: Cash was collected once for each payment that it paid at a door: all that was asked for, or a
-- person must look.
SELECT coalesce(payment.id, cash.payment_id) AS id, payment.state, payment.captured_minor,
       cash.amount_minor
  FROM (SELECT id, order_id, state, currency, captured_minor, review_reason
          FROM payments
         WHERE terms = 'on_delivery') AS payment
  FULL JOIN cash_collections AS cash ON cash.payment_id = payment.id
 WHERE payment.id IS NULL
    OR cash.order_id <> payment.order_id
    OR (payment.state = 'captured' AND cash.payment_id IS NULL)
    OR (payment.review_reason IS NULL
        AND (cash.amount_minor, cash.currency) <> (payment.captured_minor, payment.currency));

-- CSH2: A deposit is what was collected of its currency that is in it, and is booked so, once; what the
-- bank counted otherwise is a difference.
SELECT deposit.id, deposit.collected_minor, cash.minor, booked.collected, booked.counted
  FROM cash_deposits AS deposit
  LEFT JOIN (
        SELECT deposit_id, sum(amount_minor) AS minor, min(currency) AS least,
               max(currency) AS most
          FROM cash_collections
         WHERE deposit_id IS NOT NULL
         GROUP BY deposit_id) AS cash
    ON cash.deposit_id = deposit.id
  FULL JOIN (
        SELECT journal.reference,
               -sum(entry.amount_minor) FILTER (
                   WHERE entry.account = 'provider_clearing:cash_on_delivery') AS collected,
               coalesce(sum(entry.amount_minor) FILTER (WHERE entry.account = 'bank'), 0)
               AS counted
          FROM ledger_journals AS journal
          JOIN ledger_entries AS entry ON entry.journal_id = journal.id
         WHERE journal.kind = 'cash_deposit'
         GROUP BY journal.id) AS booked
    ON booked.reference = deposit.id
 WHERE (deposit.collected_minor, deposit.currency, deposit.currency)
       IS DISTINCT FROM (cash.minor, cash.least, cash.most)
    OR (deposit.collected_minor, deposit.counted_minor)
       IS DISTINCT FROM (booked.collected, booked.counted);

-- GFT1: What is on a card is what its entries come to, as the last of them says, and never negative.
SELECT card.id, card.balance_minor, entry.total, entry.last_balance
  FROM gift_cards AS card
  LEFT JOIN (
        SELECT gift_card_id, sum(amount_minor) AS total,
               (array_agg(balance_minor ORDER BY id DESC))[1] AS last_balance
          FROM gift_card_entries
         GROUP BY gift_card_id) AS entry
    ON entry.gift_card_id = card.id
 WHERE card.balance_minor < 0
    OR (card.balance_minor, card.balance_minor)
       IS DISTINCT FROM (entry.total, entry.last_balance);

-- GFT2: A part that a card pays, or paid, is off it once; a part that was given up is on it again.
SELECT payment.id, payment.state, payment.requested_minor, entry.total
  FROM (SELECT id, gift_card_id, state, requested_minor, currency
          FROM payments
         WHERE gift_card_id IS NOT NULL) AS payment
  FULL JOIN (
        SELECT payment_id, gift_card_id, sum(amount_minor) AS total
          FROM gift_card_entries
         WHERE payment_id IS NOT NULL
         GROUP BY payment_id, gift_card_id) AS entry
    ON entry.payment_id = payment.id
  LEFT JOIN gift_cards AS card ON card.id = entry.gift_card_id
 WHERE (payment.gift_card_id, payment.currency) IS DISTINCT FROM (card.id, card.currency)
    OR payment.state NOT IN ('authorized', 'captured', 'voided')
    OR entry.total <> CASE WHEN payment.state = 'voided' THEN 0
                           ELSE -payment.requested_minor END;

-- GFT3: What went back to a card, or became store credit, is on it once, and nothing else is.
SELECT coalesce(refund.id, entry.refund_id) AS refund_id, refund.amount_minor, entry.amount_minor
  FROM (
        SELECT refunds.id, refunds.amount_minor,
               coalesce(refunds.store_credit_id, payments.gift_card_id) AS gift_card_id
          FROM refunds
          JOIN payments ON payments.id = refunds.payment_id
         WHERE refunds.store_credit_id IS NOT NULL
            OR payments.gift_card_id IS NOT NULL) AS refund
  FULL JOIN (
        SELECT refund_id, gift_card_id, amount_minor
          FROM gift_card_entries
         WHERE refund_id IS NOT NULL) AS entry
    ON entry.refund_id = refund.id
 WHERE (refund.gift_card_id, refund.amount_minor)
       IS DISTINCT FROM (entry.gift_card_id, entry.amount_minor);

-- GFT4: What the books owe to the holders of cards is what is on the cards, and what is off them for
-- orders whose money is still awaited.
SELECT currency, owed, held
  FROM (
        SELECT currency, -sum(amount_minor) AS owed
          FROM ledger_entries
         WHERE account = 'gift_card_liability'
         GROUP BY currency) AS books
  FULL JOIN (
        SELECT currency, sum(minor) AS held
          FROM (
                SELECT currency, balance_minor AS minor
                  FROM gift_cards
                 UNION ALL
                SELECT currency, authorized_minor
                  FROM payments
                 WHERE gift_card_id IS NOT NULL) AS part
         GROUP BY currency) AS cards
 USING (currency)
 WHERE coalesce(owed, 0) <> coalesce(held, 0);

-- WHK1: A processed event has its one outcome and is over; an open one is due; a dead one is not.
SELECT id, provider, dedup_key, state, outcome, next_attempt_at
  FROM webhook_events
 WHERE (state = 'processed') <> (processed_at IS NOT NULL)
    OR (state IN ('received', 'parked')) <> (next_attempt_at IS NOT NULL)
    OR (state IN ('processed', 'dead') AND outcome IS NULL)
    OR seen_count < 1;

-- AUD4: A payment's history is whole: one line per change of state, each where the last one ended.
SELECT payment.id, payment.state, payment.version
  FROM payments AS payment
  LEFT JOIN (
        SELECT payment_id, count(*) AS moves, max(seq) AS last_seq,
               (array_agg(to_state ORDER BY seq DESC))[1] AS to_state
          FROM payment_events
         GROUP BY payment_id) AS history
    ON history.payment_id = payment.id
 WHERE payment.version <> coalesce(history.moves, 0) + 1
    OR payment.version <> coalesce(history.last_seq, 1)
    OR payment.state <> coalesce(history.to_state, payment.state)
 UNION ALL
SELECT payment_id, to_state, seq
  FROM (
        SELECT payment_id, seq, from_state, to_state,
               lag(to_state) OVER (PARTITION BY payment_id ORDER BY seq) AS before
          FROM payment_events) AS move
 WHERE before <> from_state;

-- AUD5: Money that came stays said: no payment ever left the state captured.
SELECT payment_id, seq, from_state, to_state
  FROM payment_events
 WHERE from_state = 'captured'
    OR from_state = to_state;

-- AUD6: Every move of a payment is an allowed one: from a state that is not money yet, or late money.
SELECT event.payment_id, event.seq, event.from_state, event.to_state
  FROM payment_events AS event
  LEFT JOIN (
        VALUES ('pending', 'requires_action'),
               ('pending', 'authorized'),
               ('pending', 'captured'),
               ('pending', 'failed'),
               ('pending', 'voided'),
               ('pending', 'unknown'),
               ('requires_action', 'pending'),
               ('requires_action', 'authorized'),
               ('requires_action', 'captured'),
               ('requires_action', 'failed'),
               ('requires_action', 'voided'),
               ('unknown', 'requires_action'),
               ('unknown', 'pending'),
               ('unknown', 'authorized'),
               ('unknown', 'captured'),
               ('unknown', 'failed'),
               ('unknown', 'voided'),
               ('authorized', 'captured'),
               ('authorized', 'voided'),
               ('failed', 'authorized'),
               ('failed', 'captured'),
               ('voided', 'authorized'),
               ('voided', 'captured')) AS allowed (from_state, to_state)
 USING (from_state, to_state)
 WHERE allowed.to_state IS NULL;

-- END1 (Q): No question is unanswered, and no payment's outcome is unknown.
SELECT id, payment_id, kind AS what, state
  FROM payment_operations
 WHERE state IN ('pending', 'unknown')
 UNION ALL
SELECT id, id, 'payment', state
  FROM payments
 WHERE state = 'unknown';

-- END4 (Q): No webhook waits to be acted upon.
SELECT id, provider, kind, state, attempts
  FROM webhook_events
 WHERE state IN ('received', 'parked');

-- AUT1: Of money that is captured later it is known until when it is held; and of no other.
SELECT payment.id AS authorized_id, held.payment_id AS held_id
  FROM (SELECT id FROM payments WHERE state = 'authorized' AND terms = 'on_shipment') AS payment
  FULL JOIN (SELECT payment_id FROM payment_authorizations WHERE ended_at IS NULL) AS held
    ON held.payment_id = payment.id
 WHERE payment.id IS NULL
    OR held.payment_id IS NULL;

-- AUT2: What was asked of a bank is what it was asked: so many captures, and renewals.
SELECT held.payment_id, held.capture_count, held.renewal_count, asked.captures, asked.renewals
  FROM payment_authorizations AS held
  LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE kind = 'capture') AS captures,
               count(*) FILTER (WHERE kind = 'reauthorize') AS renewals
          FROM payment_operations AS operation
         WHERE operation.payment_id = held.payment_id) AS asked ON true
 WHERE (held.capture_count, held.renewal_count) <> (asked.captures, asked.renewals);

-- AUT3: Money that was asked for is on somebody's list: its provider is asked until it answers, or a
-- person must look.
SELECT held.payment_id, held.capture_state
  FROM payment_authorizations AS held
  JOIN payments AS payment ON payment.id = held.payment_id
 WHERE held.ended_at IS NULL
   AND payment.review_reason IS NULL
   AND held.capture_state <> 'none'
   AND NOT EXISTS (SELECT FROM payment_operations AS operation
                    WHERE operation.payment_id = held.payment_id
                      AND operation.kind IN ('capture', 'void')
                      AND operation.state IN ('pending', 'unknown'));
