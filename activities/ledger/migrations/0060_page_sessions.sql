-- Who is signed in to the pages: a session for each browser, begun with a key and ended by signing out or by time.

-- migrate:up

create table page_sessions (
    hash bytea primary key check (octet_length(hash) = 32),
    principal text collate "C" not null check (principal <> ''),
    kind text not null check (kind in ('delegate', 'operator', 'auditor')),
    label text not null,
    key_id text collate "C" references api_keys (id),
    chair boolean not null default false,
    begun timestamptz not null default now(),
    expires timestamptz not null check (expires > begun)
);
comment on table page_sessions is 'Sessions of the web pages. One that has ended is deleted.';
comment on column page_sessions.hash is 'SHA-256 of the session''s secret, which has 256 random bits and is in the cookie alone.';
comment on column page_sessions.key_id is 'The key that it was begun with: once that is revoked or has expired, so has the session.';
comment on column page_sessions.chair is 'Begun without a secret, in a chair of the demonstration: it sees illustrative accords alone.';
create index page_sessions_expires on page_sessions (expires);

grant select, insert, delete on page_sessions to entente_api;

-- migrate:down

drop table page_sessions;
