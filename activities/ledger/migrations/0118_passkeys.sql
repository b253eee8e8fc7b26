-- Passkeys (WebAuthn), by which delegates sign in to the pages; each stands for the key or account it was enrolled with.

-- migrate:up

create table passkeys (
    id text collate "C" primary key check (id ~ '^[a-z2-7]{12}$'),
    credential bytea not null unique check (octet_length(credential) between 1 and 1023),
    public_key bytea not null check (octet_length(public_key) between 1 and 4096),
    sign_count bigint not null check (sign_count >= 0),
    site text collate "C" not null check (site <> ''),
    principal text collate "C" not null check (principal <> ''),
    label text not null,
    key_id text collate "C" references api_keys (id),
    issuer text,
    subject text,
    created timestamptz not null default now(),
    expires timestamptz,
    used timestamptz,
    revoked timestamptz,
    check ((issuer is null) = (subject is null)),
    constraint passkeys_enrolled_by check ((key_id is null) <> (issuer is null))
);
comment on table passkeys is 'Public halves of delegates'' passkeys. A revoked one stays, so that it can be told whose it was.';
comment on column passkeys.credential is 'The credential''s id, as the authenticator made it.';
comment on column passkeys.public_key is 'Its public key (COSE).';
comment on column passkeys.sign_count is 'The authenticator''s counter at the last use; 0 where it counts nothing.';
comment on column passkeys.site is 'The relying party''s id: the host name of the pages where it was enrolled.';
comment on column passkeys.key_id is 'The key of the session in which it was enrolled: it is good for the same, and ends with it.';
comment on column passkeys.issuer is 'Or the OpenID provider of that session, whose subject has to be the delegate still.';
create index passkeys_principal on passkeys (principal);

create table passkey_challenges (
    hash bytea primary key check (octet_length(hash) = 32),
    bound bytea not null check (octet_length(bound) = 32),
    purpose text not null check (purpose in ('enrol', 'sign_in')),
    expires timestamptz not null
);
comment on table passkey_challenges is 'Challenges that were given out and not answered yet; an answer takes its row away.';
comment on column passkey_challenges.hash is 'SHA-256 of the challenge.';
comment on column passkey_challenges.bound is 'SHA-256 of the secret in the cookie of the browser that it was given to.';
create index passkey_challenges_expires on passkey_challenges (expires);

alter table page_sessions add column passkey text collate "C" references passkeys (id);
comment on column page_sessions.passkey is 'The passkey that it was begun with, beside the key or account that this stands for.';

-- What is revoked stays so, whatever the API does.
create function revoke_passkey(passkey_id text, whose text) returns boolean
language sql security definer set search_path from current as $$
    with ended as (
        update passkeys set revoked = now()
        where id = passkey_id and principal = whose and revoked is null returning 1
    ) select exists (select from ended)
$$;

revoke execute on function revoke_passkey from public;
grant execute on function revoke_passkey to entente_api;
grant select, insert, update (sign_count, used) on passkeys to entente_api;
grant select, insert, delete on passkey_challenges to entente_api;

-- migrate:down

delete from page_sessions where passkey is not null;
alter table page_sessions drop column passkey;
drop function revoke_passkey;
drop table passkey_challenges, passkeys;
