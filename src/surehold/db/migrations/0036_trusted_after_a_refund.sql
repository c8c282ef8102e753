-- An order whose late money went back because all was sold is trusted again when another payment of
-- it is authorized and the goods are there.
INSERT INTO order_status_moves (from_status, to_status) VALUES ('refunded', 'confirmed');
