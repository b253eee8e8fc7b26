-- Whose a delegate's id is: in one installation it belongs to whoever claimed it first.

-- migrate:up

create table delegate_claims (
    delegate text collate "C" primary key check (delegate <> ''),
    claimed_by text collate "C" not null check (claimed_by <> ''),
    accord text collate "C" not null,
    claimed timestamptz not null default now()
);
comment on table delegate_claims is 'Whose each delegate id is: a contact''s, which claimed it by adopting or appointing.';
comment on column delegate_claims.claimed_by is 'The contact to whom it goes back; for a contact that nobody claimed before, itself.';
comment on column delegate_claims.accord is 'The accord in which it was claimed.';

-- A claim is never changed by the API. Whoever owns the database corrects one that is disputed.
grant select, insert on delegate_claims to entente_api;

-- migrate:down

drop table delegate_claims;
