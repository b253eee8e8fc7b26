-- Whoever delivers looks whether a webhook's owner may still read every accord.

-- migrate:up

grant select (principal, kind, scopes, expires, revoked) on api_keys to entente_writer;

-- migrate:down

revoke select (principal, kind, scopes, expires, revoked) on api_keys from entente_writer;
