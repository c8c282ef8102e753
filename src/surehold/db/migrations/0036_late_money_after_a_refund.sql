-- An order whose late money went back because all was sold is trusted again when another payment of
-- it is authorized and the goods are there. One that was paid back, and put away, is partly paid
-- back while money that comes for it once more is on its way back. And an order is as far as its goods
-- have come when a bank gives back what it had taken for good. While an order waits to be paid, money
-- that does not buy it goes back or is held back by a bank. Something else is still to be sent for what
-- came back of an order that had arrived, though by its money nothing of it went back.
INSERT INTO order_status_moves (from_status, to_status) VALUES
    ('pending_payment', 'disputed'),
    ('pending_payment', 'partially_refunded'),
    ('pending_payment', 'refunded'),
    ('payment_failed', 'disputed'),
    ('payment_failed', 'partially_refunded'),
    ('payment_failed', 'refunded'),
    ('disputed', 'pending_payment'),
    ('disputed', 'payment_failed'),
    ('refunded', 'confirmed'),
    ('refunded', 'processing'),
    ('refunded', 'ready_for_shipment'),
    ('in_transit', 'shipped'),
    ('delivered', 'shipped'),
    ('archived', 'partially_refunded'),
    ('archived', 'shipped'),
    ('archived', 'in_transit');
