-- What the record says of the log itself is found without reading all of it; and what a command said can no longer be
-- guessed from its fingerprint once it is erased.

-- migrate:up

create index entries_about_the_log on entries (accord, position)
    where type in ('log_key_rotated', 'log_key_retired', 'witness_policy_changed', 'particulars_erased');

-- The first policy may be set by the operator (content); what the parties agree on later stands on the record, and is
-- mirrored here, with its position, for the collector of cosignatures to find.

alter table witness_policies alter column content drop not null, add column recorded bytea, add column position bigint;
comment on column witness_policies.content is 'The policy set outside the record, as long as none is on it.';
comment on column witness_policies.recorded is 'The policy that the record has last, as far as it was mirrored.';

-- A fingerprint was the plain digest of a command: whoever has it can try short texts until one fits. Now it is
-- salted, and the salt is erased with the command. Rows that there are get salts of their own; where the command was
-- erased before, the salt is thrown away at once.

alter table commands add column if not exists salt bytea check (octet_length(salt) = 16),
    add column if not exists outline text;
comment on column commands.fingerprint is 'SHA-256 of the salt and the digest of the command: tells a retry from another command.';
comment on column commands.salt is 'Without it nobody can try texts against the fingerprint; null once erased.';
comment on column commands.outline is 'The digest of the command without its free text: tells a retry when that is erased.';

alter table commands disable trigger commands_are_not_altered;
with fresh as materialized (
    select accord, id, substr(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 1, 16) as salt
    from commands where salt is null
)
update commands c
set salt = f.salt, fingerprint = 'sha256:' || encode(sha256(f.salt || convert_to(c.fingerprint, 'UTF8')), 'hex')
from fresh f where (c.accord, c.id) = (f.accord, f.id);
update commands set salt = null where signed is null;
alter table commands enable always trigger commands_are_not_altered;

create or replace function refuse_change_of_command() returns trigger language plpgsql as $$
begin
    if new.signed is null and new.salt is null
        and (new.accord, new.id, new.fingerprint, new.outline, new.receipt)
        is not distinct from (old.accord, old.id, old.fingerprint, old.outline, old.receipt) then
        return new;
    end if;
    raise exception 'UPDATE on commands is refused: the outcome of a command never changes'
        using errcode = 'restrict_violation',
              hint = 'Only "signed" and "salt" can be erased, by setting them to null as the role entente_eraser.';
end
$$;

grant select (salt) on commands to entente_eraser;
grant update (salt) on commands to entente_eraser;
-- A repeated refusal has no entry of its own: its receipt says which one stands for it.
grant select (receipt) on commands to entente_eraser;
-- To find what is recorded as erased and still there.
grant select (type) on entries to entente_eraser;

-- migrate:down

-- Fingerprints stay salted: what they were cannot be had back. So the columns stay as well, and up passes over them.

drop index entries_about_the_log;
alter table witness_policies drop column recorded, drop column position;
