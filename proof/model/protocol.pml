/*
 * How Surehold turns a basket into an order, a payment, or a refund: docs/proof-model.md.
 *
 * One `atomic` named after a settlement is one database transaction of the code; a call to the
 * provider is an atomic of its own, between two of ours. A process may be killed between any two.
 * Change the protocol, change this file: tests/proof/test_model.py compares the names.
 */

#ifndef ORDERS
#define ORDERS 2                /* buyers who want the same variant, one unit each */
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 1              /* payments that one order may begin, 1 or 2 */
#endif
#ifndef RIVALS
#define RIVALS 0                /* 1: every other order at once, seen only through the counters */
#endif
#ifndef STOCK
#define STOCK 1
#endif
#ifndef NEWS
#define NEWS 1                  /* webhooks of one payment on their way at once; 2 has copies */
#endif
/* What may happen at all. Each one multiplies the states, so no run has them all twice. */
#ifndef EARLY
#define EARLY 1                 /* the request that placed the order asks, beside the worker */
#endif
#ifndef SLOW
#define SLOW 1                  /* a bank that thinks before it answers */
#endif
#ifndef LATE
#define LATE 1                  /* a success after the provider's own "no" */
#endif
#ifndef CANCELS
#define CANCELS 1               /* the buyer, or staff, may cancel */
#endif
#ifndef READERS
#define READERS 2               /* who reads the provider about one payment at the same time */
#endif

/* A lost answer or a killed process. Without a limit nothing need ever get done. */
#ifdef FAULTS
byte faults;
#define may_fail faults < FAULTS -> faults++
#else
#define may_fail true
#endif

#define PAYMENTS (ORDERS * ATTEMPTS)
#define ORDER(p) ((p) / ATTEMPTS)
#define FIRST(o) ((o) * ATTEMPTS)
#define LAST(o) ((o) * ATTEMPTS + ATTEMPTS - 1)

/* Members of our enums behind a letter: P payment, O operation, R refund, H hold, C cancel reason.
 * …_NONE: no such row. */
mtype:payment = { P_NONE, P_PENDING, P_REQUIRES_ACTION, P_UNKNOWN, P_CAPTURED, P_FAILED, P_VOIDED };
mtype:operation = { O_NONE, O_PENDING, O_UNKNOWN, O_SUCCEEDED, O_DECLINED };
mtype:refund = { R_NONE, R_REQUESTED, R_SUCCEEDED };
mtype:hold = { H_NONE, H_ACTIVE, H_COMMITTED, H_RELEASED, H_EXPIRED };
mtype:cancel = { C_NONE, C_BUYER, C_UNPAID, C_SOLD_OUT_AFTER_PAYMENT };
/* What the provider has, and what an answer says of it. */
mtype:session = { S_ABSENT, S_REFUSED, S_OPEN, S_PROCESSING, S_CAPTURED, S_FAILED, S_CANCELED,
                  A_LOST };

/* --- our database --- */
short available = STOCK;
short held;
short sold;
mtype:hold hold[ORDERS] = H_NONE;
bool grace_used[ORDERS];
bool owns[ORDERS];              /* an open allocation */
mtype:cancel canceled[ORDERS] = C_NONE;
mtype:payment pay[PAYMENTS] = P_NONE;
bool known[PAYMENTS];           /* we have the provider's id of it */
bool check_due[PAYMENTS];       /* next_check_at is set */
mtype:operation create[PAYMENTS] = O_NONE;
mtype:operation close[PAYMENTS] = O_NONE;
mtype:operation give_back[PAYMENTS] = O_NONE;
mtype:refund refund[PAYMENTS] = R_NONE;
byte booked[PAYMENTS];          /* capture journals */

/* --- the world --- */
mtype:session there[PAYMENTS] = S_ABSENT;
byte sent_back[PAYMENTS];       /* refunds that the provider has made */
byte news[PAYMENTS];            /* webhooks on their way, or in our inbox */
bool given_up[ORDERS];          /* the buyer said so; nothing of ours reads it */
byte others_hold;
byte others_own;

#define UNANSWERED(operation) (operation == O_PENDING || operation == O_UNKNOWN)
#define IN_FLIGHT(p) (pay[p] == P_PENDING || pay[p] == P_UNKNOWN)
#define OPEN(p) (IN_FLIGHT(p) || pay[p] == P_REQUIRES_ACTION)
#define WAS_PAID(o) (pay[FIRST(o)] == P_CAPTURED || pay[LAST(o)] == P_CAPTURED)
/* Another payment of the order is captured and not back with the buyer. */
#define COVERED(p) (ATTEMPTS == 2 && pay[p ^ 1] == P_CAPTURED && refund[p ^ 1] != R_SUCCEEDED)

/* ------------------------------------------------------------------ rules, inside a settlement */

inline return_money(p) {
  if
  :: refund[p] == R_NONE -> refund[p] = R_REQUESTED; give_back[p] = O_PENDING
  :: else -> skip
  fi
}

inline give_up_payment(p) {
  if
  :: known[p] -> close[p] = O_PENDING
  :: else -> skip               /* the answer to its creation will give it up */
  fi
}

inline cancel_payment(p) {
  if
  :: pay[p] == P_CAPTURED -> return_money(p)
  :: OPEN(p) -> give_up_payment(p)
  :: else -> skip
  fi
}

inline free_hold(o, ending) {
  if
  :: hold[o] == H_ACTIVE -> hold[o] = ending; grace_used[o] = false; held--; available++
  :: else -> skip
  fi
}

inline sell(o) {
  hold[o] = H_COMMITTED; grace_used[o] = false; owns[o] = true; canceled[o] = C_NONE; sold++
}

inline capture(o, p) {
  booked[p]++; known[p] = true; check_due[p] = false;
  if
  :: COVERED(p) || owns[o] -> return_money(p)
  :: else ->
     if
     :: canceled[o] == C_BUYER -> return_money(p)
     :: else ->
        if
        :: hold[o] == H_ACTIVE -> held--; sell(o)
        :: hold[o] != H_ACTIVE && available > 0 -> available--; sell(o)
        :: else -> canceled[o] = C_SOLD_OUT_AFTER_PAYMENT; return_money(p)
        fi
     fi
  fi;
  pay[p] = P_CAPTURED
}

/* What a snapshot does: `seen` is the provider's state when it was read, `is_back` its refund. */
inline settle(o, p, seen, is_back) {
  if
  :: pay[p] == P_CAPTURED ->
     if
     :: refund[p] == R_REQUESTED && is_back -> refund[p] = R_SUCCEEDED
     :: else -> skip
     fi
  :: pay[p] != P_CAPTURED ->
     if
     :: seen == S_CAPTURED -> capture(o, p)
     :: seen == S_FAILED && OPEN(p) -> pay[p] = P_FAILED; known[p] = true; check_due[p] = false
     :: seen == S_CANCELED && OPEN(p) -> pay[p] = P_VOIDED; known[p] = true; check_due[p] = false
     :: seen == S_OPEN && IN_FLIGHT(p) -> pay[p] = P_REQUIRES_ACTION; known[p] = true
     :: seen == S_PROCESSING && (pay[p] == P_REQUIRES_ACTION || pay[p] == P_UNKNOWN) ->
        pay[p] = P_PENDING; known[p] = true
     :: else -> skip            /* an older fact than the one we have */
     fi
  fi
}

inline end_operation(operation, ending) {
  if
  :: UNANSWERED(operation) -> operation = ending
  :: else -> skip
  fi
}

inline record_create(o, p, answer) {
  if
  :: answer == A_LOST ->
     end_operation(create[p], O_UNKNOWN);
     if
     :: pay[p] == P_PENDING -> pay[p] = P_UNKNOWN
     :: else -> skip
     fi
  :: answer == S_REFUSED ->
     end_operation(create[p], O_DECLINED);
     if
     :: OPEN(p) -> pay[p] = P_FAILED; check_due[p] = false
     :: else -> skip
     fi
  :: else ->
     end_operation(create[p], O_SUCCEEDED);
     if
     :: answer == S_OPEN && OPEN(p) ->
        pay[p] = P_REQUIRES_ACTION; known[p] = true; check_due[p] = true
     :: answer == S_PROCESSING && OPEN(p) ->
        pay[p] = P_PENDING; known[p] = true; check_due[p] = true
     :: answer != S_OPEN && answer != S_PROCESSING && OPEN(p) ->
        known[p] = true; check_due[p] = true       /* decided already: read what it came to */
     :: else -> skip
     fi;
     if
     :: canceled[o] != C_NONE && pay[p] != P_CAPTURED -> give_up_payment(p)
     :: else -> skip
     fi
  fi
}

/* --------------------------------------------------------------------- calls, outside of them */

/* The same question under the same key: carried out once, answered as often as it is asked. */
inline call_create(p, answer) {
  if
#ifdef DOWN
  :: answer = A_LOST                               /* the provider is gone, for ever */
#else
  :: there[p] == S_ABSENT -> there[p] = S_OPEN; answer = S_OPEN
  :: there[p] == S_ABSENT -> there[p] = S_REFUSED; answer = S_REFUSED
  :: there[p] != S_ABSENT -> answer = there[p]
  :: there[p] != S_ABSENT && there[p] != S_REFUSED -> answer = S_OPEN  /* as it was stored */
  :: may_fail -> answer = A_LOST                               /* it never got there */
#endif
  fi;
  if
  :: may_fail -> answer = A_LOST                               /* the answer never got here */
  :: skip
  fi
}

/* An unpaid session is closed; one that was paid meanwhile is read instead. */
inline call_void(p, answer) {
  if
  :: there[p] == S_OPEN -> there[p] = S_CANCELED; answer = S_CANCELED
  :: there[p] != S_OPEN -> answer = there[p]
  :: may_fail -> answer = A_LOST
  fi;
  if
  :: may_fail -> answer = A_LOST
  :: skip
  fi
}

inline call_refund(p, answer) {
  if
  :: sent_back[p] == 0 -> sent_back[p]++; answer = S_CAPTURED
  :: sent_back[p] > 0 -> answer = S_CAPTURED       /* looked up, or the same key */
  :: may_fail -> answer = A_LOST
  fi;
  if
  :: may_fail -> answer = A_LOST                               /* or: accepted, not carried out yet */
  :: skip
  fi
}

inline ask_create(o, p, answer) {
  atomic { call_create(p, answer) };
  if
  :: atomic { record_create(o, p, answer); answer = S_ABSENT }
  :: atomic { may_fail -> answer = S_ABSENT }                  /* killed with the answer in its hand */
  fi
}

inline ask_void(o, p, answer) {
  atomic { call_void(p, answer) };
  if
  :: atomic {
       if
       :: answer == A_LOST -> end_operation(close[p], O_UNKNOWN)
       :: else -> end_operation(close[p], O_SUCCEEDED); settle(o, p, answer, false)
       fi;
       answer = S_ABSENT
     }
  :: atomic { may_fail -> answer = S_ABSENT }
  fi
}

inline ask_refund(p, answer) {
  atomic { call_refund(p, answer) };
  if
  :: atomic {
       if
       :: answer == A_LOST -> end_operation(give_back[p], O_UNKNOWN)
       :: else ->
          end_operation(give_back[p], O_SUCCEEDED);
          if
          :: refund[p] == R_REQUESTED -> refund[p] = R_SUCCEEDED
          :: else -> skip
          fi
       fi;
       answer = S_ABSENT
     }
  :: atomic { may_fail -> answer = S_ABSENT }
  fi
}

/* ------------------------------------------------------------------------------ who does what */

/* One buyer and the request that carries the order: placing, asking, paying again, canceling. */
proctype buyer(byte o) {
  mtype:session answer = S_ABSENT;
  byte p = FIRST(o);
  if
  :: atomic {
       available > 0 ->                            /* place_order: one transaction */
       available--; held++; hold[o] = H_ACTIVE;
       pay[p] = P_PENDING; create[p] = O_PENDING
     }
  :: atomic { available == 0 -> goto over }        /* insufficient_stock */
  fi;
#if EARLY
  if
  :: ask_create(o, p, answer)
  :: may_fail                                      /* killed before it asked */
  fi;
#endif
#if ATTEMPTS == 2
  if
  :: skip
  :: atomic {
       canceled[o] == C_NONE && !WAS_PAID(o) && !IN_FLIGHT(p) &&
         (hold[o] == H_ACTIVE || available > 0) -> /* retry_payment: one transaction */
       if
       :: hold[o] == H_ACTIVE -> skip
       :: else -> available--; held++; hold[o] = H_ACTIVE
       fi;
       if
       :: OPEN(p) -> give_up_payment(p)
       :: else -> skip
       fi;
       p = LAST(o);
       pay[p] = P_PENDING; create[p] = O_PENDING
     }
#if EARLY
     ;
     if
     :: ask_create(o, p, answer)
     :: may_fail
     fi
#endif
  fi;
#endif
#if CANCELS
  if
  :: skip
  :: atomic {                                      /* cancel_order: one transaction */
       canceled[o] == C_NONE ->
       canceled[o] = C_BUYER; given_up[o] = true;
       free_hold(o, H_RELEASED);
       if
       :: owns[o] -> owns[o] = false; sold--; available++
       :: else -> skip
       fi;
       cancel_payment(FIRST(o));
#if ATTEMPTS == 2
       cancel_payment(LAST(o))
#endif
     }
  :: atomic {                          /* cancel_order of one that the store had given up already */
       canceled[o] == C_UNPAID -> canceled[o] = C_BUYER; given_up[o] = true
     }
  fi;
#endif
over:
  skip
}

/* A webhook is only a hint: what counts is what the provider says when it is read. */
inline read_news(p, answer, is_back) {
  atomic { news[p] > 0 -> answer = there[p]; is_back = (sent_back[p] > 0) };
  if
  :: atomic { settle(ORDER(p), p, answer, is_back); news[p]--; answer = S_ABSENT; is_back = false }
  :: atomic { may_fail -> answer = S_ABSENT; is_back = false }     /* killed: still stored, due again */
  fi
}

/* The worker: whatever is due about one payment. */
proctype worker(byte p) {
  mtype:session answer = S_ABSENT;
  bool is_back;
end:
  do
  :: UNANSWERED(create[p]) -> ask_create(ORDER(p), p, answer)
  :: UNANSWERED(close[p]) -> ask_void(ORDER(p), p, answer)
  :: UNANSWERED(give_back[p]) -> ask_refund(p, answer)
  :: atomic { check_due[p] -> answer = there[p]; is_back = (sent_back[p] > 0) };
     if
     :: atomic { settle(ORDER(p), p, answer, is_back); answer = S_ABSENT; is_back = false }
     :: atomic { may_fail -> answer = S_ABSENT; is_back = false }
     fi
#if READERS == 1
  :: read_news(p, answer, is_back)
#endif
  od
}

/* Another process of ours, which acts on webhooks as they come. */
proctype inbox(byte p) {
  mtype:session answer = S_ABSENT;
  bool is_back;
end:
  do
  :: read_news(p, answer, is_back)
  od
}

/* Time passes for an order: its hold, its patience. */
proctype sweeper(byte o) {
end:
  do
  :: atomic {                                      /* expire_reservations: one transaction */
       hold[o] == H_ACTIVE ->
       if
       :: (IN_FLIGHT(FIRST(o)) || IN_FLIGHT(LAST(o))) && !grace_used[o] -> grace_used[o] = true
       :: else -> free_hold(o, H_EXPIRED)
       fi
     }
  :: atomic {                                      /* cancel_unpaid_orders: one transaction */
       pay[FIRST(o)] != P_NONE && canceled[o] == C_NONE && !WAS_PAID(o) ->
       canceled[o] = C_UNPAID;
       free_hold(o, H_RELEASED);
       cancel_payment(FIRST(o));
#if ATTEMPTS == 2
       cancel_payment(LAST(o))
#endif
     }
  od
}

inline tell(p, is_certain) {
  if
  :: is_certain || news[p] < NEWS -> news[p]++
  :: news[p] < NEWS - 1 -> news[p] = news[p] + 2       /* and a copy */
  :: !is_certain -> skip                               /* lost */
  fi
}

/* The provider and the buyer on its page. A success after its own "no" is told at least once. */
proctype bank(byte p) {
end:
  if
  :: atomic { SLOW && there[p] == S_OPEN -> there[p] = S_PROCESSING; tell(p, false) };
     if
     :: atomic { there[p] = S_CAPTURED; tell(p, false) }
     :: atomic { there[p] = S_FAILED; tell(p, false) }
     fi
  :: atomic { there[p] == S_OPEN -> there[p] = S_CAPTURED; tell(p, false) }
  :: atomic { there[p] == S_OPEN -> there[p] = S_FAILED; tell(p, false) }
  :: atomic { there[p] == S_OPEN -> there[p] = S_CANCELED; tell(p, false) }
  :: there[p] == S_CANCELED || there[p] == S_REFUSED -> skip
  fi;
  if
  :: skip
  :: atomic { LATE && (there[p] == S_FAILED || there[p] == S_CANCELED) ->
       there[p] = S_CAPTURED; tell(p, true) }
  fi
}

/* Every other order at once: units come and go by no rule but the counters. */
proctype rival() {
end:
  do
  :: atomic { available > 0 -> available--; held++; others_hold++ }
  :: atomic { others_hold > 0 -> others_hold--; held--; available++ }
  :: atomic { others_hold > 0 -> others_hold--; others_own++; held--; sold++ }
  :: atomic { available > 0 -> available--; others_own++; sold++ }
  :: atomic { others_own > 0 -> others_own--; sold--; available++ }
  :: atomic { others_hold == 0 -> break }
  od
}

/* --------------------------------------------------------------------------- what must be true */

/* `hidden` names that are never set: pan prints them, so that a refutation says what it refutes. */
hidden byte not_oversold, counters_conserved, holds_are_counted, sales_are_counted, booked_once, refunded_once,
  refund_was_captured, one_payment_kept, given_up_is_not_sold, sold_is_not_canceled, open_is_watched, closed_is_left_alone,
  nothing_held, nothing_undecided, charged_is_booked, order_or_refund;

#define KEPT(p) (pay[p] == P_CAPTURED && refund[p] == R_NONE)
#define KEPT_OF(o) (KEPT(FIRST(o)) + (ATTEMPTS == 2 && KEPT(LAST(o))))

#define NOT_OVERSOLD (held + sold <= STOCK)
#define COUNTERS_CONSERVED (available + held + sold == STOCK)
#define HOLDS_ARE_COUNTED \
  (held == others_hold + (hold[0] == H_ACTIVE) + (ORDERS == 2 && hold[ORDERS - 1] == H_ACTIVE))
#define SALES_ARE_COUNTED (sold == others_own + owns[0] + (ORDERS == 2 && owns[ORDERS - 1]))
#define BOOKED_ONCE(p) (booked[p] <= 1)
#define REFUNDED_ONCE(p) (sent_back[p] <= 1)
#define REFUND_WAS_CAPTURED(p) (refund[p] == R_NONE || pay[p] == P_CAPTURED)
#define ONE_PAYMENT_KEPT(o) (KEPT_OF(o) == owns[o])
#define GIVEN_UP_IS_NOT_SOLD(o) (!given_up[o] || !owns[o])
#define SOLD_IS_NOT_CANCELED(o) (!owns[o] || canceled[o] == C_NONE)
#define OPEN_IS_WATCHED(p) \
  (!OPEN(p) || check_due[p] || UNANSWERED(create[p]) || UNANSWERED(close[p]))
#define CLOSED_IS_LEFT_ALONE(p) (!check_due[p] || OPEN(p))

#define never_false(name, rule) :: atomic { !(rule) -> assert(name || (rule)) }

proctype watch() {
end:
  if
  never_false(not_oversold, NOT_OVERSOLD)
  never_false(counters_conserved, COUNTERS_CONSERVED)
  never_false(holds_are_counted, HOLDS_ARE_COUNTED)
  never_false(sales_are_counted, SALES_ARE_COUNTED)
  never_false(booked_once, BOOKED_ONCE(0) && BOOKED_ONCE(PAYMENTS - 1))
  never_false(refunded_once, REFUNDED_ONCE(0) && REFUNDED_ONCE(PAYMENTS - 1))
  never_false(refund_was_captured, REFUND_WAS_CAPTURED(0) && REFUND_WAS_CAPTURED(PAYMENTS - 1))
  never_false(one_payment_kept, ONE_PAYMENT_KEPT(0) && ONE_PAYMENT_KEPT(ORDERS - 1))
  never_false(given_up_is_not_sold, GIVEN_UP_IS_NOT_SOLD(0) && GIVEN_UP_IS_NOT_SOLD(ORDERS - 1))
  never_false(sold_is_not_canceled, SOLD_IS_NOT_CANCELED(0) && SOLD_IS_NOT_CANCELED(ORDERS - 1))
  never_false(open_is_watched, OPEN_IS_WATCHED(0) && OPEN_IS_WATCHED(PAYMENTS - 1))
  never_false(closed_is_left_alone,
    CLOSED_IS_LEFT_ALONE(0) && CLOSED_IS_LEFT_ALONE(PAYMENTS - 1))
  fi
}

/* When nobody has anything left to do. */
inline check_payment_at_rest(p) {
  assert(nothing_undecided || !(OPEN(p)));
  assert(nothing_undecided || !(UNANSWERED(create[p]) || UNANSWERED(close[p])
                                || UNANSWERED(give_back[p])));
  assert(charged_is_booked || ((there[p] == S_CAPTURED) == (booked[p] == 1)));
  assert(order_or_refund || refund[p] != R_REQUESTED);
  assert(order_or_refund || ((refund[p] == R_SUCCEEDED) == (sent_back[p] == 1)))
}

inline check_order_at_rest(o) {
  assert(nothing_held || hold[o] != H_ACTIVE)
}

init {
  byte i;
  atomic {
    for (i : 0 .. ORDERS - 1) { run buyer(i); run sweeper(i) }
    for (i : 0 .. PAYMENTS - 1) { run worker(i); run bank(i) }
#if READERS == 2
    for (i : 0 .. PAYMENTS - 1) { run inbox(i) }
#endif
#if RIVALS > 0
    run rival();
#endif
    run watch()
  };
end:
  timeout;
  d_step {
    for (i : 0 .. PAYMENTS - 1) { check_payment_at_rest(i) }
    for (i : 0 .. ORDERS - 1) { check_order_at_rest(i) }
    assert(nothing_held || held == 0)
  }
}

/* What happens in the end, if faults end and everybody gets a turn. */
#define CHARGED (there[0] == S_CAPTURED)
#define ANSWERED (owns[0] || refund[0] == R_SUCCEEDED)
#define HELD (hold[0] == H_ACTIVE)
#define AT_REST (!HELD && !OPEN(0) && !check_due[0] && !UNANSWERED(create[0]) \
                 && !UNANSWERED(close[0]) && !UNANSWERED(give_back[0]))

ltl money_is_answered { [] (CHARGED -> <> ANSWERED) }
ltl hold_ends { [] (HELD -> <> !HELD) }
ltl comes_to_rest { <> [] AT_REST }
