\set n 100000000000 + random(1, :skus)
\set number random(1, 1099511627775)
SELECT bench_place(('018f5a02-0000-7000-8000-' || :n)::uuid, 'SH-' || to_hex(:number::bigint));
