-- Who may call the API, and what was asked for under an idempotency key before an accord could remember it.

-- migrate:up

create table api_keys (
    id text collate "C" primary key check (id ~ '^[a-z2-7]{12}$'),
    hash bytea not null check (octet_length(hash) = 32),
    principal text collate "C" not null check (principal <> ''),
    label text not null,
    kind text not null check (kind in ('delegate', 'operator', 'auditor')),
    created timestamptz not null default now(),
    expires timestamptz,
    revoked timestamptz
);
comment on table api_keys is 'Credentials of the HTTP API. A revoked key stays, so that it can be told who held it.';
comment on column api_keys.hash is 'SHA-256 of the secret, which has 256 random bits and is shown once.';
comment on column api_keys.principal is 'Whose key it is; for a delegate, the delegate id that stands in accords.';
comment on column api_keys.kind is 'delegate: acts in accords; operator and auditor: read every accord, act in none.';
create index api_keys_principal on api_keys (principal);

-- An act's idempotency key is remembered with its outcome in commands. Opening an accord cannot rely on that, since
-- another definition may lead to another accord; nor can what is no act, such as moving a simulated clock.

create table idempotency_keys (
    principal text collate "C" not null,
    scope text collate "C" not null,
    key text collate "C" not null,
    fingerprint text not null,
    created timestamptz not null default now(),
    primary key (principal, scope, key)
);
comment on table idempotency_keys is 'Which request a principal made under a key, so that another one under it is refused.';
comment on column idempotency_keys.scope is 'What kind of request, and on which accord.';

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'entente_api') then
        begin
            create role entente_api nologin;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then
                raise exception 'the role entente_api does not exist, and % may not create it', current_user
                    using errcode = 'insufficient_privilege',
                          hint = 'Have an administrator run: create role entente_api nologin; then migrate again.';
        end;
    end if;
end
$$;

-- Keys are made and revoked by whoever owns the database; the API only looks them up.
grant select on api_keys, schema_migrations to entente_api;
grant select, insert on idempotency_keys to entente_api;

-- migrate:down

-- The role stays: it belongs to the whole server, and other databases may use it.

drop table idempotency_keys, api_keys;
