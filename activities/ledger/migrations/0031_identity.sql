-- Who may call the API, further: what a key is good for, who stands behind a token of a provider, and joining links.

-- migrate:up

alter table api_keys add column scopes text[] not null default '{read,act,deposit,keys}';
comment on column api_keys.scopes is 'What the key is good for: read, deposit, keys, act, or act: and the name of one act.';

create table federated_identities (
    issuer text collate "C" not null check (issuer <> ''),
    subject text collate "C" not null check (subject <> ''),
    principal text collate "C" not null check (principal <> ''),
    linked timestamptz not null default now(),
    primary key (issuer, subject)
);
comment on table federated_identities is 'Which delegate a person is whom an OpenID provider knows by this subject.';
create index federated_identities_principal on federated_identities (principal);

create table join_links (
    id text collate "C" primary key check (id ~ '^[a-z2-7]{12}$'),
    hash bytea not null check (octet_length(hash) = 32),
    accord text collate "C" not null,
    delegate text collate "C" not null,
    made_by text collate "C" not null,
    created timestamptz not null default now(),
    expires timestamptz not null,
    accepted timestamptz,
    revoked timestamptz
);
comment on table join_links is 'Links by which the person whom a contact appointed becomes known as that delegate; each once.';
create index join_links_by on join_links (made_by, created);

-- What the API may do to credentials: make those of delegates, and end them. Operators' and auditors' keys are made and
-- looked after by whoever owns the database.

create function make_delegate_key(
    new_id text, new_hash bytea, whose text, says text, ends timestamptz, good_for text[]
) returns void language sql security definer set search_path from current as $$
    insert into api_keys (id, hash, principal, label, kind, expires, scopes)
    values (new_id, new_hash, whose, says, 'delegate', ends, good_for)
$$;

create function revoke_delegate_key(key_id text, whose text) returns boolean
language sql security definer set search_path from current as $$
    with ended as (
        update api_keys set revoked = now()
        where id = key_id and principal = whose and kind = 'delegate' and revoked is null returning 1
    ) select exists (select from ended)
$$;

revoke execute on function make_delegate_key, revoke_delegate_key from public;
grant execute on function make_delegate_key, revoke_delegate_key to entente_api;
grant select, insert, update (principal, linked) on federated_identities to entente_api;
grant select, insert, update (accepted, revoked) on join_links to entente_api;

-- migrate:down

drop table join_links, federated_identities;
drop function make_delegate_key, revoke_delegate_key;
alter table api_keys drop column scopes;
