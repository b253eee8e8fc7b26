-- The API signs checkpoints for the receipts that it hands out.

-- migrate:up

grant select, insert on checkpoints to entente_api;
grant select on cosignatures, witness_policies to entente_api;

-- migrate:down

revoke select, insert on checkpoints from entente_api;
revoke select on cosignatures, witness_policies from entente_api;
