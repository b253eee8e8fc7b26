-- A webhook ends with the credential by which it was set up, when that is revoked: whoever had stolen it may have set it up.

-- migrate:up

alter table webhooks add column credential text collate "C" not null default '';
comment on column webhooks.credential is 'The id of the key, or of the provider''s account, by which it was set up or enabled last.';
create index webhooks_credential on webhooks (credential);

create function disable_webhooks_of_key() returns trigger language plpgsql security definer set search_path from current as $$
begin
    -- Whoever sets one up at the same time takes the same lock first, and looks then whether the key is in force.
    perform pg_advisory_xact_lock(hashtextextended(new.id, 42));
    update webhooks set active = false, reason = 'the key ' || new.id || ' by which it was set up is revoked'
    where credential = new.id and active;
    return null;
end
$$;

create trigger webhooks_end_with_their_key after update of revoked on api_keys
    for each row when (old.revoked is null and new.revoked is not null) execute function disable_webhooks_of_key();

-- migrate:down

drop trigger webhooks_end_with_their_key on api_keys;
drop function disable_webhooks_of_key;
alter table webhooks drop column credential;
