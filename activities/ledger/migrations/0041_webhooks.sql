-- Webhooks: where entries are sent as events, how far each endpoint has got, and what came of every attempt.

-- migrate:up

create table webhooks (
    id text collate "C" primary key check (id ~ '^wh_[a-z2-7]{20}$'),
    principal text collate "C" not null check (principal <> ''),
    reads_all boolean not null,
    url text not null check (octet_length(url) <= 400),
    label text not null,
    accord text collate "C",
    types text[] not null,
    secret text not null,
    former_secret text,
    former_until timestamptz,
    active boolean not null default true,
    reason text,
    position bigint not null,
    failures integer not null default 0,
    failing_since timestamptz,
    created timestamptz not null default now()
);
comment on table webhooks is 'Endpoints to which entries are sent, each a cursor over the feed.';
comment on column webhooks.principal is 'Whose it is: it is sent what that principal may read.';
comment on column webhooks.accord is 'The only accord that it is about; none: every one that the principal sees whole.';
comment on column webhooks.types is 'The types of entries that are sent; empty: all.';
comment on column webhooks.former_secret is 'Signs beside the secret until former_until, while receivers change over.';
comment on column webhooks.reason is 'Why it is not active.';
comment on column webhooks.position is 'The feed position up to which everything was delivered, or is not for it.';
comment on column webhooks.failures is 'Attempts on the next entry that failed one after the other.';
create index webhooks_principal on webhooks (principal);

create table webhook_attempts (
    webhook text collate "C" not null references webhooks on delete cascade,
    number bigint generated always as identity,
    feed bigint not null,
    accord text collate "C" not null,
    entry bigint not null,
    type text not null,
    at timestamptz not null default now(),
    milliseconds integer not null,
    status integer,
    error text,
    primary key (webhook, number)
);
comment on table webhook_attempts is 'The delivery log: every attempt to send an entry. Old ones are forgotten.';
comment on column webhook_attempts.status is 'The HTTP status that was answered; none where nothing was.';
comment on column webhook_attempts.error is 'Why it failed; none where it was delivered.';

grant select, insert, update, delete on webhooks to entente_api;
grant select on webhook_attempts to entente_api;
grant select, update on webhooks to entente_writer;
grant select, insert, delete on webhook_attempts to entente_writer;

-- migrate:down

drop table webhook_attempts, webhooks;
