-- Notices end with the credential by which they were chosen, when that is revoked: whoever had stolen it may have had them
-- sent elsewhere.

-- migrate:up

alter table notice_settings add column credential text collate "C" not null default '';
comment on column notice_settings.credential is 'The id of the key, or of the provider''s account, by which they were chosen last.';
create index notice_settings_credential on notice_settings (credential) where credential <> '';

create function end_notices_of_key() returns trigger language plpgsql security definer set search_path from current as $$
begin
    -- As of webhooks: whoever chooses at the same time takes the same lock first.
    perform pg_advisory_xact_lock(hashtextextended(new.id, 42));
    delete from notice_settings where credential = new.id;
    return null;
end
$$;

create trigger notices_end_with_their_key after update of revoked on api_keys
    for each row when (old.revoked is null and new.revoked is not null) execute function end_notices_of_key();

-- migrate:down

drop trigger notices_end_with_their_key on api_keys;
drop function end_notices_of_key;
alter table notice_settings drop column credential;
