-- SES1: No session, and no key, of a closed account opens anything.
SELECT sessions.id, 'session' AS what
  FROM sessions
  JOIN accounts ON accounts.id = sessions.account_id
 WHERE sessions.ended_at IS NULL
   AND accounts.disabled_at IS NOT NULL
 UNION ALL
SELECT api_keys.id, 'key'
  FROM api_keys
  JOIN accounts ON accounts.id = api_keys.account_id
 WHERE api_keys.revoked_at IS NULL
   AND accounts.disabled_at IS NOT NULL;

-- SES2: A live session of a program has exactly one live refresh token, a browser's has none.
SELECT sessions.id, sessions.kind, count(refresh_tokens.token_hash) AS live_tokens
  FROM sessions
  LEFT JOIN refresh_tokens
    ON refresh_tokens.session_id = sessions.id
   AND refresh_tokens.used_at IS NULL
 WHERE sessions.ended_at IS NULL
 GROUP BY sessions.id, sessions.kind
HAVING count(refresh_tokens.token_hash) <> CASE WHEN sessions.kind = 'api' THEN 1 ELSE 0 END;

-- SES3: Roles, keys and admins' rights are staff's: no customer has a role or a key.
SELECT accounts.id, accounts.kind
  FROM accounts
 WHERE accounts.kind = 'customer'
   AND (EXISTS (SELECT FROM account_roles WHERE account_roles.account_id = accounts.id)
        OR EXISTS (SELECT FROM api_keys WHERE api_keys.account_id = accounts.id));

-- SES4: A store that ever had an admin has one who can sign in.
SELECT 'no admin is left' AS what, count(*) AS closed
  FROM accounts
 WHERE kind = 'admin'
HAVING count(*) > 0
   AND count(*) FILTER (WHERE disabled_at IS NULL) = 0;

-- SES5: A used link holds no secret, and recovery codes belong to a second factor that counts.
SELECT id, 'letter' AS what
  FROM account_letters
 WHERE used_at IS NOT NULL
   AND sealed_token IS NOT NULL
 UNION ALL
SELECT DISTINCT recovery_codes.account_id, 'recovery codes'
  FROM recovery_codes
 WHERE NOT EXISTS (
       SELECT
         FROM totp_factors
        WHERE totp_factors.account_id = recovery_codes.account_id
          AND confirmed_at IS NOT NULL);
