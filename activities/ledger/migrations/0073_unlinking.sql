-- Whoever may revoke a delegate's keys may also end that an OpenID provider's account is that delegate.

-- migrate:up

grant delete on federated_identities to entente_api;

-- migrate:down

revoke delete on federated_identities from entente_api;
